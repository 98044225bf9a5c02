/// The page that the demonstration's backend serves: it connects back to where it came from.
enum EchoPage {
  static let html = """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Tidegate</title>
    <style>
      :root { color-scheme: light dark; --sea: #0b6e8f; --line: #8884; }
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 38rem; margin: 3rem auto; padding: 0 1rem; }
      h1 { font-size: 1.6rem; margin: 0; color: var(--sea); }
      form { display: flex; gap: .5rem; margin: 1.5rem 0 1rem; }
      input { flex: 1; font: inherit; padding: .5rem .7rem; border: 1px solid var(--line); border-radius: .4rem; }
      button { font: inherit; padding: .5rem 1rem; border: 0; border-radius: .4rem; background: var(--sea);
        color: #fff; cursor: pointer; }
      button:disabled { opacity: .5; cursor: default; }
      ol { list-style: none; padding: 0; margin: 0; font: 14px/1.7 ui-monospace, monospace; }
      li { border-bottom: 1px solid var(--line); padding: .15rem 0; display: flex; justify-content: space-between;
        gap: 1rem; overflow-wrap: anywhere; }
      li span { opacity: .6; white-space: nowrap; }
      #state { opacity: .75; margin: .2rem 0 0; }
    </style>
    </head>
    <body>
    <h1>Tidegate</h1>
    <p id="state">Connecting …</p>
    <form id="form">
      <input id="text" value="Hello, tide!" aria-label="Message" autocomplete="off">
      <button id="send" disabled>Send</button>
    </form>
    <ol id="echoes" aria-live="polite"></ol>
    <script>
      const $ = id => document.getElementById(id);
      const url = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/";
      const sent = [];
      let socket;
      function say(text, note) {
        const line = document.createElement("li");
        line.textContent = text;
        const small = document.createElement("span");
        small.textContent = note;
        line.append(small);
        $("echoes").prepend(line);
      }
      function connect() {
        socket = new WebSocket(url);
        socket.onopen = () => {
          $("state").textContent = "Connected to " + url + ": what you send comes back.";
          $("send").disabled = false;
          send("Hello from your browser");
        };
        socket.onmessage = event => say(event.data, (performance.now() - sent.shift()).toFixed(1) + " ms");
        socket.onclose = event => {
          $("state").textContent = "Closed with code " + event.code + "; trying again soon.";
          $("send").disabled = true;
          sent.length = 0;
          setTimeout(connect, 1000 + Math.random() * 4000);
        };
      }
      function send(text) {
        sent.push(performance.now());
        socket.send(text);
      }
      $("form").onsubmit = event => {
        event.preventDefault();
        if (socket.readyState === WebSocket.OPEN && $("text").value) send($("text").value);
        $("text").select();
      };
      connect();
    </script>
    </body>
    </html>

    """
}
