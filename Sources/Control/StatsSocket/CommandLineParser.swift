/// A line of the stats socket taken apart: commands, each a list of words.
///
/// `;` separates commands, blanks separate words, and `\` takes the character after it as it stands
/// (HAProxy's runtime API, FORMATS section 1).
enum CommandLineParser {
  static func commands(in line: some StringProtocol) -> [[String]] {
    var commands: [[String]] = []
    var words: [String] = []
    var word: String? = nil
    var escaped = false

    func endWord() {
      if let ended = word { words.append(ended) }
      word = nil
    }
    func endCommand() {
      endWord()
      if !words.isEmpty { commands.append(words) }
      words = []
    }
    for character in line.unicodeScalars {
      switch character {
      case _ where escaped:
        word = (word ?? "") + String(character)
        escaped = false
      case "\\": escaped = true
      case ";": endCommand()
      case " ", "\t", "\r": endWord()
      default: word = (word ?? "") + String(character)
      }
    }
    endCommand()
    return commands
  }
}
