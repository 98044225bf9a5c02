/// Something that the control plane needs and can't have: one line for whoever started the process.
public struct ControlError: Error, Sendable, Equatable, CustomStringConvertible {
  public var message: String
  public init(_ message: String) { self.message = message }
  public var description: String { message }
}
