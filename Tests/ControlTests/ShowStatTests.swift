import Foundation
import Proxy
import Settings
import Telemetry
import Testing

@testable import Control

@Suite struct ShowStatTests {
  /// FORMATS section 1, letter by letter.
  private let header = """
    # pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_status_check,agg_check_status,srid,sess_other,h1_sess,h2_sess,h3_sess,req_other,h1req,h2req,h3req,proto,priv_idle_cur,reqbin,reqbout,resbin,resbout,cache_hint_hits,-,
    """

  private func answer(_ line: String, _ proxy: FakeProxy = FakeProxy()) -> [String] {
    var session = CommandSession(level: .user)
    return session.answer(line, .over(proxy)).split(separator: "\n").map(String.init)
  }

  /// A CSV line by column; nothing in the sample but one address needs quotes.
  private func row(_ line: String) -> [String: String] {
    let names = header.dropFirst(2).split(separator: ",")
    var fields: [String] = [""]
    var isQuoted = false
    for character in line {
      if character == "\"" {
        isQuoted.toggle()
      } else if character == ",", !isQuoted {
        fields.append("")
      } else {
        fields[fields.count - 1].append(character)
      }
    }
    return Dictionary(uniqueKeysWithValues: zip(names.map(String.init), fields))
  }

  @Test func theHeaderIsHAProxysLetterByLetterAndOursFollow() {
    let shown = answer("show stat")[0]
    #expect(shown.hasPrefix(header))
    #expect(shown.hasSuffix(","))
    #expect(StatColumn.all[119].name == "-")
    #expect(StatColumn.all[118].name == "cache_hint_hits")
  }

  @Test func aRowEachForListenersBackendsAndPools() {
    let rows = answer("show stat").dropFirst().map(row)
    #expect(rows.map { $0["pxname"] } == ["public", "chat", "chat", "chat"])
    #expect(rows.map { $0["svname"] } == ["FRONTEND", "a", "b", "BACKEND"])
    #expect(rows.map { $0["type"] } == ["0", "2", "2", "1"])
    #expect(rows.map { $0["status"] } == ["OPEN", "no check", "no check", "UP"])
    #expect(rows.map { $0["stot"] } == ["12", "8", "4", "12"])
    #expect(rows.map { $0["bin"] } == ["1000", "700", "300", "1000"])
    #expect(rows.map { $0["scur"] } == ["0", "2", "1", "3"])
    #expect(rows[0]["slim"] == "1234" && rows[0]["hrsp_1xx"] == "9")
    #expect(rows[1]["smax"] == "6" && rows[1]["econ"] == "1" && rows[1]["addr"] == "10.0.0.1:9001")
    #expect(rows[2]["addr"] == "unix:/run/b, the other.sock")
    #expect(rows[3]["algo"] == "leastconn" && rows[3]["mode"] == "http")
  }

  @Test func listenersShowWhoWaitsAndWhoWasRefused() {
    var snapshot = Snapshot.sample()
    snapshot.settings.waitingRoom.capacity = 77
    snapshot.listeners[0].settings.connections = 900
    snapshot.listeners[0].settings.connectionRate = Rate(90, per: .seconds(60))
    snapshot.listeners[0].waiting = 5
    snapshot.listeners[0].counters = Snapshot.counted([
      .connectionsRefusedBeforeTLS: 6, .connectionsRefusedReadably: 7,
    ])
    let listener = row(answer("show stat", FakeProxy(snapshot))[1])
    let shown = ["slim", "qcur", "qmax", "qlimit", "dcon", "dses", "rate_lim"].map { listener[$0] }
    #expect(shown == ["900", "5", "5", "77", "6", "7", "2"])
    #expect(row(answer("show stat")[1])["rate_lim"] == "0")
  }

  @Test func backendsShowWhatAnOperatorOrdered() {
    var snapshot = Snapshot.sample()
    snapshot.pools[0].backends[0].settings.orders.state = .maint
    snapshot.pools[0].backends[1].settings.orders.weight = 7
    var rows = answer("show stat chat", FakeProxy(snapshot)).dropFirst().map(row)
    #expect(rows.map { $0["status"] } == ["MAINT", "no check", "UP"])
    #expect(rows.map { $0["weight"] } == ["0", "7", "7"])
    #expect(rows.map { $0["uweight"] } == ["100", "7", "107"])
    #expect(rows[2]["act"] == "1")
    snapshot.pools[0].backends[1].settings.orders.state = .drain
    rows = answer("show stat chat", FakeProxy(snapshot)).dropFirst().map(row)
    #expect(rows.map { $0["status"] } == ["MAINT", "DRAIN", "DOWN"])
  }

  @Test func theLongestQueueIsRemembered() {
    let sampler = RateSampler()
    var snapshot = Snapshot.sample()
    snapshot.listeners[0].waiting = 40
    sampler.sample(snapshot)
    snapshot.listeners[0].waiting = 3
    var session = CommandSession(level: .user)
    let text = session.answer("show stat", .over(FakeProxy(snapshot), rates: sampler))
    let listener = row(String(text.split(separator: "\n")[1]))
    #expect(listener["qcur"] == "3" && listener["qmax"] == "40")
  }

  @Test func everyRowHasAsManyFieldsAsTheHeader() {
    let lines = answer("show stat")
    let count = StatColumn.all.count
    #expect(lines[0].filter { $0 == "," }.count == count)
    #expect(lines[1].filter { $0 == "," }.count == count)
  }

  @Test(arguments: [
    ("1 -1 -1", ["FRONTEND"]), ("2 -1 -1", ["a", "b", "BACKEND"]), ("-1 1 -1", ["FRONTEND"]),
    ("-1 2 -1", ["BACKEND"]), ("-1 4 -1", ["a", "b"]), ("-1 6 -1", ["a", "b", "BACKEND"]), ("-1 4 2", ["b"]),
    ("-1 -1 -1", ["FRONTEND", "a", "b", "BACKEND"]), ("chat 4 -1", ["a", "b"]), ("9 -1 -1", []),
  ])
  func filtersByProxyTypeAndServer(arguments: String, services: [String]) {
    #expect(answer("show stat \(arguments)").dropFirst().map { row($0)["svname"] } == services)
  }

  @Test func namesOfNoProxyAreRefused() { #expect(answer("show stat nope") == ["No such proxy."]) }

  @Test func typedLinesNameTheRowFirst() {
    let lines = answer("show stat typed")
    #expect(lines[0] == "F.1.0.0.pxname.1:KNSV:str:public")
    #expect(lines.contains("S.2.1.7.stot.1:MCPV:u64:8"))
    #expect(lines.contains("B.2.0.17.status.1:SGPV:str:UP"))
    for line in lines {
      #expect(
        line.wholeMatch(of: /[FBS]\.\d+\.\d+\.\d+\.\w+\.1:\w{4}:(s32|u32|u64|str):.*/) != nil, "\(line)")
    }
  }

  @Test func jsonIsAListOfRowsOfFields() throws {
    struct Field: Decodable { var objType: String, proxyId: Int, id: Int }
    let text = answer("show stat json").joined()
    let rows = try JSONDecoder().decode([[Field]].self, from: Data(text.utf8))
    #expect(rows.map { $0[0].objType } == ["Frontend", "Server", "Server", "Backend"])
    #expect(rows[2][0].id == 2)
  }
}
