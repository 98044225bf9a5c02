internal import Basics
internal import Glibc

/// The two clocks. The control plane asks for the time itself; the data plane's rule doesn't bind it.
enum Clock {
  /// CLOCK_MONOTONIC.
  static var monotonic: MonotonicTime { MonotonicTime(nanoseconds: read(CLOCK_MONOTONIC)) }

  /// Nanoseconds since 1970, UTC.
  static var wall: UInt64 { read(CLOCK_REALTIME) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// An instant of the wall clock as text.
enum Timestamp {
  /// RFC 3339 with milliseconds, in UTC: `2026-11-25T02:23:16.498Z`.
  static func rfc3339(_ nanosecondsSince1970: UInt64) -> String {
    let milliseconds = nanosecondsSince1970 / 1_000_000
    let seconds = Int(milliseconds / 1000)
    let (year, month, day) = civil(day: seconds / 86400)
    let second = seconds % 86400
    return "\(padded(year, 4))-\(padded(month))-\(padded(day))T\(padded(second / 3600)):"
      + "\(padded(second / 60 % 60)):\(padded(second % 60)).\(padded(Int(milliseconds % 1000), 3))Z"
  }

  /// The date of a day counted from 1970-01-01, in the proleptic Gregorian calendar. Years begin in March
  /// within, so that the leap day is a year's last; 400 years are an era of 146097 days.
  static func civil(day: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}

/// A number of at least `width` digits.
func padded(_ number: Int, _ width: Int = 2) -> String {
  let digits = String(number)
  return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
