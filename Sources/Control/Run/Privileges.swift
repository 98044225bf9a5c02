internal import Glibc

/// Gives up what only the start needed.
enum Privileges {
  /// Becomes `user` with that account's groups, for good and in all threads (the C library sees to that).
  /// Call once the sockets are open and before traffic.
  /// - Throws: when there is no such account, when the process may not, or when root could be had back.
  static func drop(to user: String) throws(ControlError) {
    guard let account = getpwnam(user)?.pointee else { throw ControlError("user \(user): no such account") }
    if account.pw_uid == getuid(), account.pw_uid == geteuid() { return }
    // Groups first: once the user is another, the process may not change them.
    try check(user, "initgroups", initgroups(user, account.pw_gid))
    try check(user, "setgid", setgid(account.pw_gid))
    try check(user, "setuid", setuid(account.pw_uid))
    try verify(user, account.pw_uid, account.pw_gid)
  }

  private static func verify(_ user: String, _ uid: uid_t, _ gid: gid_t) throws(ControlError) {
    let isOther = getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid
    // Were the saved ids still root's, these would succeed.
    let isForGood = uid == 0 || (setuid(0) != 0 && seteuid(0) != 0)
    guard isOther, isForGood else { throw ControlError("user \(user): the privileges would not go") }
  }

  private static func check(_ user: String, _ call: String, _ result: Int32) throws(ControlError) {
    guard result == 0 else { throw ControlError("user \(user): \(call): \(SystemError())") }
  }
}
