/// `; did you mean "connections"?`, or nil when nothing known is near enough to what was written.
func suggestion(for written: String, among known: [String]) -> String? {
  // Nothing that long is a slip of the pen, and the distance costs the product of the lengths.
  // Of numbers none is nearer to what was meant than another.
  guard written.utf8.count <= 64, written.contains(where: \.isLetter) else { return nil }
  let simple = simplified(written)
  if simple.count >= 3, let longer = known.sorted().first(where: { simplified($0).starts(with: simple) }) {
    return "; did you mean \(quoted(longer))?"
  }
  let nearest = known.map { (name: $0, distance: editDistance(simple, simplified($0))) }
    .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
  guard let nearest, nearest.distance <= max(1, min(simple.count, nearest.name.utf8.count) / 3) else {
    return nil
  }
  return "; did you mean \(quoted(nearest.name))?"
}

/// Capitals and `-` for `_` are no difference worth counting.
private func simplified(_ text: String) -> [UInt8] {
  text.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
}

/// How many insertions, deletions, replacements and swaps of neighbours make `b` of `a` (Damerau's distance
/// in its restricted form: no part is edited twice).
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var rows = [Array(0...b.count)]
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
