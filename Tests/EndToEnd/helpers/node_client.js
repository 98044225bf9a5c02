// usage: node node_client.js URI [CA FILE]
// A WebSocket client on node's own http upgrade: sends text, a masked binary message of 100 kB and a ping, closes
// with 4003, and prints what came back as JSON. Node has a WebSocket of its own only from version 22 on.
"use strict";
const crypto = require("crypto");
const fs = require("fs");

const uri = new URL(process.argv[2]);
const secure = uri.protocol === "wss:";
const { request } = require(secure ? "https" : "http");
const key = crypto.randomBytes(16).toString("base64");
const expected = crypto.createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
const large = crypto.randomBytes(100000);
const facts = { messages: [] };

function frame(opcode, payload) {
  const mask = crypto.randomBytes(4);
  const head =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | payload.length])
      : Buffer.concat([Buffer.from([0x80 | opcode, 0xff]), length64(payload.length)]);
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ mask[index & 3])]);
}

function length64(length) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}

// The first frame of `bytes` as [opcode, payload, rest], or null while it isn't whole.
function cut(bytes) {
  if (bytes.length < 2) return null;
  let length = bytes[1] & 127, start = 2;
  if (length === 126) [length, start] = bytes.length < 4 ? [Infinity, 4] : [bytes.readUInt16BE(2), 4];
  if (length === 127) [length, start] = bytes.length < 10 ? [Infinity, 10] : [Number(bytes.readBigUInt64BE(2)), 10];
  if (bytes.length < start + length) return null;
  return [bytes[0] & 15, bytes.subarray(start, start + length), bytes.subarray(start + length)];
}

function take(socket, opcode, payload) {
  if (opcode === 1) facts.messages.push(payload.toString());
  if (opcode === 2) facts.messages.push(payload.equals(large));
  if (opcode === 10) {
    facts.pong = payload.toString();
    socket.write(frame(8, Buffer.concat([Buffer.from([0x0f, 0xa3]), Buffer.from("node")])));
  }
  if (opcode === 8) facts.close = payload.readUInt16BE(0);
}

const opening = request({
  host: uri.hostname,
  port: uri.port,
  path: uri.pathname,
  ca: process.argv[3] && fs.readFileSync(process.argv[3]),
  headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": 13 },
});
opening.on("response", (answer) => {
  console.log(JSON.stringify({ status: answer.statusCode }));
  process.exit(1);
});
opening.on("upgrade", (answer, socket, early) => {
  facts.accepted = answer.headers["sec-websocket-accept"] === expected;
  facts.protocol = secure ? socket.getProtocol() : null;
  let bytes = early;
  const read = (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (let whole; (whole = cut(bytes)); ) {
      bytes = whole[2];
      take(socket, whole[0], whole[1]);
    }
  };
  socket.on("data", read);
  socket.on("end", () => { facts.ended = true; socket.end(); });
  socket.on("close", (failed) => { facts.failed = failed; console.log(JSON.stringify(facts)); });
  read(Buffer.alloc(0));
  socket.write(frame(1, Buffer.from("from node \u6f6e")));
  socket.write(frame(2, large));
  socket.write(frame(9, Buffer.from("there?")));
});
opening.end();
