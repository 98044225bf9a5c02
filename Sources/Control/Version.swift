/// What this build calls itself.
public enum Version {
  public static let name = "Tidegate"
  public static let number = "0.1.0"
  /// The day of the latest change to the source that is meant for users.
  public static let date = "2026/11/25"
}
