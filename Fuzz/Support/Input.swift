/// What the fuzzer gave: where to cut, and the bytes.
struct Input {
  let bytes: [UInt8]
  /// Lengths of the pieces, taken in turn.
  private let cuts: [UInt8]

  init(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    let all = Array(UnsafeBufferPointer(start: start, count: count))
    let cutCount = min(4, all.count)
    cuts = Array(all[..<cutCount])
    bytes = Array(all[cutCount...])
  }

  /// The bytes in pieces, some of which are empty.
  var pieces: [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    var turn = 0
    while start < bytes.count {
      // Every fifth piece has a byte at least, so that the end is reached.
      let length = Int(cuts[turn % cuts.count] % 61) + (turn % 5 == 4 ? 1 : 0)
      let end = min(bytes.count, start + length)
      pieces.append(Array(bytes[start..<end]))
      start = end
      turn += 1
    }
    return pieces
  }

  /// Feeds growing prefixes, piece by piece, until `step` gives an answer that is no "incomplete".
  func firstAnswer<Answer>(_ step: ([UInt8]) -> Answer?) -> Answer? {
    var collected: [UInt8] = []
    for piece in pieces {
      collected += piece
      if let answer = step(collected) { return answer }
    }
    return nil
  }
}

/// Ends the run with a message when the answers differ.
func expectSame<Answer: Equatable>(_ whole: Answer, _ inPieces: Answer) {
  precondition(whole == inPieces, "whole: \(whole), in pieces: \(inPieces)")
}
