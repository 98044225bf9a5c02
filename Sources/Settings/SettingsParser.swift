internal import Basics
internal import Foundation
internal import Yams

extension Settings {
  /// Reads a configuration.
  /// - Parameters:
  ///   - yaml: the file's content, at most 1 MiB.
  ///   - file: its path, for messages and as what relative paths in it are relative to. It isn't opened.
  /// - Throws: every problem that could be found, not just the first; what is no YAML is found alone.
  public static func parse(_ yaml: String, file: String) throws(SettingsErrors) -> Settings {
    let document: Document
    do {
      document = try Document.parse(yaml, file: file)
    } catch {
      throw SettingsErrors([error])
    }
    let reading = Reading(file: file, renamedKeys: document.renamedKeys)
    let settings = ValueType<Settings>.mapping("the file", keys, make: { _ in Settings() })
      .read(document.root, reading)
    reading.checkReferences()
    let problems = reading.sortedProblems()
    guard let settings, problems.isEmpty else { throw SettingsErrors(problems) }
    return settings
  }

  /// Reads a configuration file. Blocks; for set-up and the control plane.
  /// - Throws: as `parse`; a file that can't be read is a problem at its beginning.
  public static func load(file: String) throws(SettingsErrors) -> Settings {
    func problem(_ message: String) -> SettingsErrors {
      SettingsErrors([SettingsProblem(file: file, location: .start, message: message)])
    }
    guard let handle = FileHandle(forReadingAtPath: file) else { throw problem("cannot open the file") }
    defer { try? handle.close() }
    // One byte more than allowed is enough to know; a device or a pipe may have no end.
    guard let data = try? handle.read(upToCount: Document.sizeLimit + 1) ?? Data() else {
      throw problem("cannot read the file")
    }
    guard data.count <= Document.sizeLimit else {
      throw problem("the file is too large; at most \(Document.sizeLimit) bytes are read")
    }
    guard let yaml = String(data: data, encoding: .utf8) else { throw problem("the file is not UTF-8") }
    return try parse(yaml, file: file)
  }
}
