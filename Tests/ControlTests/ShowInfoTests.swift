import Basics
import Foundation
import Proxy
import Settings
import Telemetry
import Testing

@testable import Control

@Suite struct ShowInfoTests {
  /// FORMATS section 1; compression's memory and the description don't apply.
  private let names = """
    Name, Version, Release_date, Nbthread, Nbproc, Process_num, Pid, Uptime, Uptime_sec, Start_time_sec, \
    Memmax_MB, Memmax_bytes, PoolAlloc_MB, PoolAlloc_bytes, PoolUsed_MB, PoolUsed_bytes, PoolFailed, Ulimit-n, \
    Maxsock, Maxconn, Hard_maxconn, CurrConns, CumConns, CumReq, MaxSslConns, CurrSslConns, CumSslConns, \
    Maxpipes, PipesUsed, PipesFree, ConnRate, ConnRateLimit, MaxConnRate, SessRate, SessRateLimit, \
    MaxSessRate, SslRate, SslRateLimit, MaxSslRate, SslFrontendKeyRate, SslFrontendMaxKeyRate, \
    SslFrontendSessionReuse_pct, SslBackendKeyRate, SslBackendMaxKeyRate, SslCacheLookups, SslCacheMisses, \
    CompressBpsIn, CompressBpsOut, CompressBpsRateLim, ZlibMemUsage, MaxZlibMemUsage, Tasks, Run_queue, \
    Idle_pct, node, description, Stopping, Jobs, Unstoppable Jobs, Listeners, ActivePeers, ConnectedPeers, \
    DroppedLogs, BusyPolling, FailedResolutions, TotalBytesOut, TotalSplicedBytesOut, BytesOutRate, \
    DebugCommandsIssued, CumRecvLogs, Build info, Tainted, TotalWarnings, MaxconnReached, BootTime_ms, \
    Niced_tasks
    """.split(separator: ", ").map(String.init)

  private func answer(
    _ line: String, _ proxy: FakeProxy = FakeProxy(), rates: RateSampler = RateSampler()
  ) -> [String] {
    var session = CommandSession(level: .user)
    return session.answer(line, .over(proxy, rates: rates)).split(separator: "\n").map(String.init)
  }

  @Test func hasHAProxysFieldsInHAProxysOrderAndThenOurs() {
    #expect(InfoField.all.prefix(names.count).map(\.name) == names)
    #expect(Set(InfoField.all.map(\.name)).count == InfoField.all.count, "no name twice")
    let notApplicable: Set = ["ZlibMemUsage", "MaxZlibMemUsage", "description", "BootTime_ms"]
    let shown = answer("show info").map { String($0.prefix { $0 != ":" }) }
    #expect(
      shown.prefix(names.count - notApplicable.count) == names.filter { !notApplicable.contains($0) }[...])
  }

  @Test func showsTheFigures() {
    let lines = answer("show info")
    for line in [
      "Name: Tidegate", "Nbthread: 2", "Uptime: 1d 1h01m01s", "Uptime_sec: 90061", "Maxconn: 1234",
      "CumConns: 12", "CurrConns: 2", "Jobs: 3", "Stopping: 0",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
  }

  @Test func typedLinesHavePositionNameProcessTagsTypeAndValue() throws {
    let lines = answer("show info typed")
    #expect(lines[0] == "0.Name.1:POSV:str:Tidegate")
    #expect(lines.contains("19.Maxconn.1:CLPV:u32:1234"))
    for line in lines {
      #expect(
        line.wholeMatch(of: /\d+\.[^.]+\.1:[MSKCP][AaCDGLMmNORT][CPSs]V:(s32|s64|u32|u64|flt|str):.*/) != nil)
    }
  }

  @Test func describesWhereAsked() {
    #expect(answer("show info desc")[0] == "Name: Tidegate:\"Name of the product\"")
  }

  @Test func jsonIsJSON() throws {
    struct Field: Decodable {
      struct Place: Decodable { var pos: Int, name: String }
      struct Typed: Decodable { var type: String }
      var field: Place
      var processNum: Int
      var tags: [String: String]
      var value: Typed
    }
    let text = answer("show info json").joined(separator: "\n")
    let fields = try JSONDecoder().decode([Field].self, from: Data(text.utf8))
    #expect(fields.count == answer("show info").count)
    #expect(fields[0].field.name == "Name" && fields[0].tags["origin"] == "Product")
  }

  @Test func ratesComeFromTheSampler() {
    let sampler = RateSampler()
    var snapshot = Snapshot.sample()
    sampler.sample(snapshot)
    snapshot.workers = [Snapshot.counted([.connectionsAccepted: 512, .busyNanoseconds: 500_000_000])]
    snapshot.admission.admitted = 300
    snapshot.now = snapshot.now + .seconds(1)
    sampler.sample(snapshot)
    let lines = answer("show info", rates: sampler)
    #expect(lines.contains("ConnRate: 500"))
    #expect(lines.contains("MaxConnRate: 500"))
    #expect(lines.contains("SessRate: 300") && lines.contains("MaxSessRate: 300"))
    #expect(lines.contains("Idle_pct: 75"), "half of one of two workers")
  }
}
