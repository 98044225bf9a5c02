public import Basics

/// Which addresses may come: lists of blocks allowed and denied.
///
/// The longest block that holds an address decides, whichever list it is in; the same block in both is
/// denied. An address in no block may come exactly when nothing is allowed explicitly: an allow list
/// admits only what it names, a deny list alone excludes only what it names.
public struct AddressRules: Hashable, Sendable {
  private let table: BlockTable
  private let allowsUnnamed: Bool

  public init(allow: [CIDR] = [], deny: [CIDR] = []) {
    // A later block takes precedence over an equal earlier one.
    table = BlockTable(allow.map { ($0, true) } + deny.map { ($0, false) })
    allowsUnnamed = allow.isEmpty
  }

  /// True exactly when every address may come.
  public var isEmpty: Bool { table.isEmpty }

  public func permits(_ address: IPAddress) -> Bool { table.verdict(address) ?? allowsUnnamed }
}

/// A set of addresses, such as those whose PROXY headers are believed.
public struct AddressSet: Hashable, Sendable {
  private let table: BlockTable

  public init(_ blocks: [CIDR] = []) { table = BlockTable(blocks.map { ($0, true) }) }

  public var isEmpty: Bool { table.isEmpty }

  public func contains(_ address: IPAddress) -> Bool { table.verdict(address) ?? false }
}
