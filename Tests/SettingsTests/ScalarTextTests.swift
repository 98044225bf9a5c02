import Basics
import Testing

@testable import Settings

@Suite struct ScalarTextTests {
  @Test func `Integers have separators between digits and nothing else`() {
    let good = ["0": 0, "7": 7, "200_000": 200_000, "1_0": 10, "-5": -5, "9223372036854775807": Int.max]
    for (text, value) in good { #expect(ScalarText.integer(text) == value, "\(text)") }
    let bad = [
      "", "-", "_1", "1_", "1__0", "01", "0x10", "1e3", "1.0", "+1", " 1", "9223372036854775808", "\u{663}",
    ]
    for text in bad { #expect(ScalarText.integer(text) == nil, "\(text)") }
  }

  @Test func `Durations have units that fall`() {
    let good: [String: Duration] = [
      "30s": .seconds(30), "500ms": .milliseconds(500), "1m": .seconds(60), "1h": .seconds(3600),
      "2d": .seconds(172_800), "1m30s": .seconds(90), "1h1ms": .milliseconds(3_600_001), "0s": .zero,
      "1_000ms": .seconds(1), "50us": .microseconds(50), "1ms1us": .microseconds(1001),
    ]
    for (text, value) in good { #expect(ScalarText.duration(text) == value, "\(text)") }
    let bad = [
      "", "30", "s", "30 s", "30S", "1.5s", "-1s", "30s1m", "1s1s", "1s1", "1us1ms", "1ns",
      "999999999999999999d",
      "9223372036854775807ms1", "106751991167300d999999999999999999h",
    ]
    for text in bad { #expect(ScalarText.duration(text) == nil, "\(text)") }
  }

  @Test func `Sizes tell binary from decimal units`() {
    let good = [
      "10B": 10, "100kB": 100_000, "1MB": 1_000_000, "64KiB": 65_536, "1MiB": 1 << 20, "1GiB": 1 << 30,
      "1TiB": 1 << 40, "0B": 0,
    ]
    for (text, value) in good { #expect(ScalarText.size(text)?.bytes == value, "\(text)") }
    for text in ["", "10", "64K", "64kib", "1KB", "1MiB1KiB", "-1B", "9999999999999999TiB", "1.5MiB"] {
      #expect(ScalarText.size(text) == nil, "\(text)")
    }
  }

  @Test func `Rates, percentages, switches and permissions`() {
    #expect(ScalarText.rate("500/s") == Rate(500, per: .seconds(1)))
    #expect(ScalarText.rate("10/m") == Rate(10, per: .seconds(60)))
    #expect(ScalarText.rate("1_0/h") == Rate(10, per: .seconds(3600)))
    for text in ["500", "500/", "/s", "-1/s", "5/d", "5/s/s"] {
      #expect(ScalarText.rate(text) == nil, "\(text)")
    }
    #expect(ScalarText.percent("60%") == 60)
    for text in ["60", "%", "6%0", "60 %"] { #expect(ScalarText.percent(text) == nil, "\(text)") }
    for text in ["on", "true", "yes"] { #expect(ScalarText.bool(text) == true) }
    for text in ["off", "false", "no"] { #expect(ScalarText.bool(text) == false) }
    for text in ["On", "1", ""] { #expect(ScalarText.bool(text) == nil) }
    #expect(ScalarText.permissions("0640") == 0o640)
    #expect(ScalarText.permissions("777") == 0o777)
    for text in ["", "64", "0888", "1777", "0o600"] {
      #expect(ScalarText.permissions(text) == nil, "\(text)")
    }
  }

  @Test func `What is shown is read as the same value`() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<1000 {
      let shift = Int.random(in: 0..<40, using: &generator)
      let number = Int.random(in: 0...1_000_000, using: &generator)
      let duration = Duration.microseconds(number << (shift / 4))
      #expect(ScalarText.duration(ScalarText.text(duration)) == duration)
      let size = ByteCount(number << shift)
      #expect(ScalarText.size(ScalarText.text(size)) == size)
    }
  }
}

@Suite struct SuggestionTests {
  @Test func `The distance counts edits and swaps of neighbours`() {
    let cases = [
      ("", "", 0), ("a", "", 1), ("abc", "acb", 1), ("kitten", "sitting", 3), ("ab", "ba", 1), ("x", "y", 1),
    ]
    for (a, b, distance) in cases {
      #expect(editDistance(Array(a.utf8), Array(b.utf8)) == distance)
      #expect(editDistance(Array(b.utf8), Array(a.utf8)) == distance)
    }
  }

  @Test func `Only what is near is suggested`() {
    let known = ["listeners", "limits", "log", "pools"]
    #expect(suggestion(for: "listner", among: known) == "; did you mean \"listeners\"?")
    #expect(suggestion(for: "Pool", among: known) == "; did you mean \"pools\"?")
    #expect(suggestion(for: "lgo", among: known) == "; did you mean \"log\"?")
    #expect(suggestion(for: "frontend", among: known) == nil)
    #expect(suggestion(for: "", among: known) == nil)
    #expect(suggestion(for: String(repeating: "listeners", count: 1000), among: known) == nil)
    #expect(suggestion(for: "1.1", among: ["1.2"]) == nil)
  }
}
