extension Settings {
  /// What changed from other settings to these: a plain sentence each, in the order of the file's keys;
  /// empty when nothing did. Says where a change waits for a restart.
  public func difference(from old: Settings) -> [String] {
    Settings.keys.flatMap { $0.compare(old, self, Place()) }
  }
}
