import ArgumentParser
import Control
import Settings

/// Says on stderr what went wrong.
/// - Returns: what to throw: exit status 1 and nothing more to say.
func failure(_ message: String) -> ExitCode {
  writeToStandardError("tidegate: \(message)\n")
  return ExitCode(1)
}

/// The settings in a file, or all that is wrong with it on stderr.
func loadSettings(_ file: String) throws -> Settings {
  do {
    return try Settings.load(file: file)
  } catch {
    for problem in error.problems { writeToStandardError("\(problem)\n") }
    throw ExitCode(1)
  }
}
