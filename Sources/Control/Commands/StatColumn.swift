/// A column of `show stat`.
struct StatColumn: Sendable {
  let name: String
  let tags: FigureTags

  /// Columns 0 to 118 as HAProxy has them, `-`, then ours (FORMATS section 1). Nothing is ever inserted.
  static let all: [StatColumn] = (haproxy + ["-"] + ours).map {
    StatColumn(name: $0, tags: FigureTags(tags[$0] ?? "MCP"))
  }

  static let header = "# " + all.reduce(into: "") { $0 += $1.name + "," }

  private static let haproxy: [String] = """
    pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,\
    weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,\
    rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,\
    hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,\
    lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,\
    agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,\
    conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,\
    srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,\
    used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_status_check,agg_check_status,srid,\
    sess_other,h1_sess,h2_sess,h3_sess,req_other,h1req,h2req,h3req,proto,priv_idle_cur,reqbin,reqbout,\
    resbin,resbout,cache_hint_hits
    """.split(separator: ",").map(String.init)

  /// HAProxy's own names where its modules have one for the same thing.
  private static let ours = [
    "ssl_sess", "ssl_reused_sess", "ssl_failed_handshake", "messages_to_backend", "messages_from_backend",
  ]

  /// Those of columns that aren't counters.
  private static let tags: [String: String] = [
    "pxname": "KNS", "svname": "KNS", "qcur": "MGP", "qmax": "MMP", "scur": "MGP", "smax": "MMP",
    "slim": "CLP", "status": "SGP", "weight": "MaP", "act": "SGP", "bck": "SGP", "lastchg": "MAP",
    "pid": "KGP", "iid": "KGS", "sid": "KGS", "type": "CGS", "rate": "MRP", "rate_lim": "CLP",
    "rate_max": "MMP", "qlimit": "CLP",
    "req_rate": "MRP", "req_rate_max": "MMP", "addr": "CGS", "mode": "CGS", "algo": "CGS",
    "conn_rate": "MRP", "conn_rate_max": "MMP", "used_conn_cur": "MGP", "uweight": "MaP", "-": "KNS",
    "proto": "CGS",
  ]
}
