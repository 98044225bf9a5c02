import Foundation
import Testing

/// The rules of the package's shape, held against its sources.
@Suite struct ArchitectureTests {
  /// Which modules of ours each module may import. Arrows go one way.
  static let allowed: [String: Set<String>] = [
    "Basics": [],
    "Policy": ["Basics"],
    "Wire": ["Basics"],
    "Telemetry": ["Basics"],
    "TLS": ["Basics", "CAES", "COpenSSL"],
    "Uring": ["Basics", "CUring"],
    "Settings": ["Basics", "Policy"],
    "Proxy": ["Basics", "Policy", "Wire", "TLS", "Uring", "Telemetry", "Settings"],
    "Control": ["Basics", "Policy", "Wire", "TLS", "Telemetry", "Settings", "Proxy"],
    "Simulation": ["Basics", "Policy", "Wire", "Telemetry", "Settings", "Proxy"],
    "tidegate": ["Basics", "Settings", "Telemetry", "Proxy", "Control", "Simulation"],
    "tidegate-storm": ["Basics", "COpenSSL"],
  ]
  static let shims: Set<String> = ["CUring", "COpenSSL", "CAES"]
  static let linesMax = 400

  static var root: URL {
    URL(filePath: #filePath).resolvingSymlinksInPath()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  }

  /// Paths below `folder`, relative to it.
  static func swiftFiles(_ folder: String) throws -> [String] {
    let paths = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
    return paths.filter { $0.hasSuffix(".swift") }.sorted()
  }

  static func lines(_ folder: String, _ path: String) throws -> [Substring] {
    let text = try String(contentsOf: root.appending(path: "\(folder)/\(path)"), encoding: .utf8)
    return text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// The module that a line imports; nil when it imports none.
  static func imported(_ line: Substring) -> String? {
    let words = line.split(separator: " ").filter { !$0.hasPrefix("@") && $0 != "public" && $0 != "internal" }
    guard words.first == "import", words.count > 1 else { return nil }
    // `import struct Module.Type` names the module last.
    return words.last!.split(separator: ".").first.map(String.init)
  }

  @Test func importsAreRecognisedInEveryForm() {
    #expect(Self.imported("import Basics") == "Basics")
    #expect(Self.imported("public import Basics") == "Basics")
    #expect(Self.imported("@testable import Proxy") == "Proxy")
    #expect(Self.imported("internal import struct Wire.FrameHeader") == "Wire")
    #expect(Self.imported("// import Basics") == nil)
    #expect(Self.imported("let importance = 1") == nil)
  }

  @Test func arrowsBetweenModulesGoOneWay() throws {
    let ours = Set(Self.allowed.keys).union(Self.shims)
    for path in try Self.swiftFiles("Sources") {
      let module = String(path.prefix { $0 != "/" })
      if Self.shims.contains(module) { continue }
      let allowed = try #require(Self.allowed[module], "module \(module) is missing in the table")
      for case let name? in try Self.lines("Sources", path).map(Self.imported) where ours.contains(name) {
        #expect(allowed.contains(name), "\(path) imports \(name)")
      }
    }
  }

  @Test func everyModuleOfTheTableHasSources() throws {
    let modules = Set(try Self.swiftFiles("Sources").map { String($0.prefix { $0 != "/" }) })
    #expect(modules.subtracting(Self.shims) == Set(Self.allowed.keys))
  }

  @Test(arguments: ["Sources", "Tests"]) func noFileIsLongerThanItsReadersPatience(folder: String) throws {
    for path in try Self.swiftFiles(folder) {
      let count = try Self.lines(folder, path).count
      #expect(count <= Self.linesMax + 1, "\(folder)/\(path) has \(count - 1) lines")
    }
  }
}
