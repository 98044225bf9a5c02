import Settings

/// What the tests of this module share.
enum Samples {
  /// Valid, and complete enough that one line appended to it can be judged alone.
  static let small = """
    listeners: [{name: public, bind: "0.0.0.0:443", pool: chat}]
    pools: [{name: chat, backends: ["10.0.0.1:9001"]}]

    """

  /// The problems' lines, none when the settings are fine.
  static func complaints(_ yaml: String, file: String = "t.yaml") -> [String] {
    do throws(SettingsErrors) {
      _ = try Settings.parse(yaml, file: file)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  /// The problems of lines put behind the small file, without the file's name. Lines count from 1 there, but
  /// for those that a message speaks of.
  static func complaints(appending lines: String) -> [String] {
    complaints(small + lines).map { line in
      let parts = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
      return "\(Int(parts[1])! - 2):\(parts[2]):\(parts[3])"
    }
  }
}
