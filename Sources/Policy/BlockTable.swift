internal import Basics

/// Blocks with a verdict each, flattened to ranges so that a look-up is one binary search.
struct BlockTable: Hashable, Sendable {
  /// From `first` to the next range's, exclusively.
  private struct Range: Hashable {
    var first: UInt128
    var verdict: Bool?
  }

  private var ipv4: [Range]
  private var ipv6: [Range]

  init(_ blocks: [(CIDR, Bool)]) {
    ipv4 = Self.flatten(blocks.filter { $0.0.address.isIPv4 })
    ipv6 = Self.flatten(blocks.filter { !$0.0.address.isIPv4 })
  }

  var isEmpty: Bool { ipv4.isEmpty && ipv6.isEmpty }

  /// Of the longest block that holds the address; nil when none does.
  func verdict(_ address: IPAddress) -> Bool? {
    address.isIPv4
      ? Self.find(ipv4, CIDR.value(address)) : Self.find(ipv6, CIDR.value(address))
  }

  private static func find(_ ranges: [Range], _ value: UInt128) -> Bool? {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].first <= value { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : ranges[low - 1].verdict
  }

  /// Blocks are nested or apart, so that walking them by their first address, the wider first, needs a stack
  /// of those that are open.
  private static func flatten(_ blocks: [(CIDR, Bool)]) -> [Range] {
    let sorted = blocks.enumerated().sorted { a, b in
      let (left, right) = (a.element.0, b.element.0)
      let key = (left.range.lowerBound, left.prefix, a.offset)
      return key < (right.range.lowerBound, right.prefix, b.offset)
    }.map(\.element)
    var ranges: [Range] = []
    var open: [(last: UInt128, verdict: Bool)] = []
    for (block, verdict) in sorted {
      close(&open, before: block.range.lowerBound, &ranges)
      append(&ranges, Range(first: block.range.lowerBound, verdict: verdict))
      open.append((block.range.upperBound, verdict))
    }
    close(&open, before: nil, &ranges)
    return ranges
  }

  /// Ends the open blocks that end before a value (all without one).
  private static func close(
    _ open: inout [(last: UInt128, verdict: Bool)], before value: UInt128?, _ ranges: inout [Range]
  ) {
    while let block = open.last, value.map({ block.last < $0 }) ?? true {
      open.removeLast()
      guard block.last < .max else { continue }
      append(&ranges, Range(first: block.last + 1, verdict: open.last?.verdict))
    }
  }

  /// A range that begins where the last one does takes its place.
  private static func append(_ ranges: inout [Range], _ range: Range) {
    if ranges.last?.first == range.first { ranges.removeLast() }
    if ranges.last.map({ $0.verdict != range.verdict }) ?? true { ranges.append(range) }
  }
}
