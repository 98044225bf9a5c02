import Settings
import Testing

/// Files that are too much: they are refused, soon, and with a place.
@Suite struct BoundsTests {
  @Test func `Large files are refused unread`() {
    let yaml = String(repeating: "#", count: (1 << 20) + 1)
    #expect(Samples.complaints(yaml) == ["t.yaml:1:1: the file has 1048577 bytes; at most 1048576 are read"])
    let largest = Samples.small + String(repeating: "#", count: (1 << 20) - Samples.small.utf8.count)
    #expect(Samples.complaints(largest) == [])
  }

  @Test(arguments: [String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000)])
  func `Deep files are refused`(yaml: String) {
    let lines = Samples.complaints(yaml)
    #expect(lines.count == 1)
    #expect(lines.first?.hasSuffix(": nested too deeply") == true)
  }

  @Test func `Aliases of aliases end somewhere`() {
    let doubling = (1..<60).map { "a\($0): &a\($0) {<<: [*a\($0 - 1), *a\($0 - 1)]}\n" }.joined()
    let lines = Samples.complaints("a0: &a0 {}\n" + doubling + "limits: *a59\n")
    #expect(lines.contains { $0.contains("too many values") })
  }

  @Test func `Many repeated keys cost no more than a few runs of the parser`() {
    let lines = Samples.complaints(String(repeating: "user: a\n", count: 100_000))
    #expect(lines.count == 1)
    #expect(lines.first?.contains("duplicate key \"user\"") == true)
  }

  @Test func `A hundred problems are enough`() {
    let lines = Samples.complaints((0..<300).map { "key\($0): 1\n" }.joined())
    #expect(lines.count == 100)
  }
}
