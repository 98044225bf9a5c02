internal import Policy
internal import Proxy
internal import Settings

extension Command {
  /// HAProxy's form: without a name its first line alone, and so for those who may only look; else a row
  /// for each address.
  static let showTable = Command(
    "show table", arguments: "[<name> [data.<type> <operator> <number>]* [key <address>]]",
    help: "report the table of client addresses, or those that match"
  ) { session, arguments, context in
    guard arguments.isEmpty || arguments.first == AddressTableText.name else {
      return .failure("No such table.")
    }
    let filter: TableFilter
    do throws(ControlError) {
      filter = try TableFilter(Array(arguments.dropFirst()))
    } catch {
      return .failure(error.message)
    }
    let table = AddressTableText(context.proxy.snapshot().admission)
    guard !arguments.isEmpty, session.level.includes(.operator) else { return .output(table.header) }
    return .output(([table.header] + table.rows(filter)).joined(separator: "\n"))
  }
}

/// The table of client addresses as HAProxy shows a stick table (FORMATS section 1).
struct AddressTableText {
  static let name = "addresses"

  private let admission: AdmissionSnapshot
  private let limit: RateLimit

  init(_ admission: AdmissionSnapshot) {
    self.admission = admission
    limit = admission.addressLimits.rate
  }

  var header: String {
    "# table: \(Self.name), type: ip, size:\(admission.addressCapacity), used:\(admission.addresses.count)"
  }

  func rows(_ filter: TableFilter) -> [String] {
    admission.addresses.filter { row in
      filter.takes(key: "\(row.key)") { type in
        switch type {
        case .connCur: row.connections
        case .connRate: Int(clamping: used(row))
        }
      }
    }.map(text)
  }

  private func text(_ row: AddressTable.Row) -> String {
    let used = used(row)
    let key = "\(row.key)"
    let fields = "key=\(key) use=0 exp=\(milliseconds(used)) shard=0 conn_cur=\(row.connections)"
    // Without a limit nobody has counted.
    let rate = limit.isUnlimited ? "" : " conn_rate(\(milliseconds(limit.burst)))=\(used)"
    return "0x\(Self.identifier(key)): \(fields)\(rate)"
  }

  /// How much of the burst is used up: the connections that came in the time that the limit takes to give
  /// a whole burst back, less what it has given back since.
  private func used(_ row: AddressTable.Row) -> UInt64 {
    guard let left = row.burstLeft else { return 0 }
    return limit.burst > left ? limit.burst - left : 0
  }

  /// How long the limit takes to give so many back.
  private func milliseconds(_ count: UInt64) -> UInt64 {
    guard count > 0, limit.perSecond.isFinite, limit.perSecond > 0 else { return 0 }
    let milliseconds = (Double(count) / limit.perSecond * 1000).rounded(.up)
    return milliseconds < 1e18 ? UInt64(milliseconds) : .max
  }

  /// The same for an address whenever and wherever it is shown (FNV-1a, 64 bits).
  private static func identifier(_ key: String) -> String {
    let hash = key.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
