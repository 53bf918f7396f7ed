using System.Text.Json;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Activity;

/// <summary>A session as one node's <c>pg_stat_activity</c> and <c>pg_locks</c> have it.</summary>
internal sealed record NodeSession
{
    /// <summary>Null values stand where the role may not see them.</summary>
    private const string Columns = """
        a.pid, a.datname, a.usename, a.application_name, pg_catalog.host(a.client_addr) AS client, a.backend_start, a.xact_start, a.query_start,
        a.wait_event_type, a.wait_event, a.state, a.backend_type, a.pid = pg_catalog.pg_backend_pid() AS asks,
        CASE WHEN a.query <> '<insufficient privilege>' THEN a.query END AS query,
        extract(epoch FROM pg_catalog.clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END) AS duration,
        l.mode, l.locktype, l.relation, extract(epoch FROM pg_catalog.clock_timestamp() - l.since) AS waiting
        """;

    // A session that waits for a row waits for the transaction that changed it, and holds the row's tuple lock meanwhile.
    // waitstart came with PostgreSQL 14; to_jsonb reads it where it is.
    private static readonly string Lock = $"""
        LEFT JOIN LATERAL (
          SELECT w.mode, w.locktype, (pg_catalog.to_jsonb(w) ->> 'waitstart')::timestamptz AS since,
                 {SearchPath.Show("coalesce(w.relation, (SELECT t.relation FROM pg_catalog.pg_locks t WHERE t.pid = w.pid AND t.locktype = 'tuple' LIMIT 1))")} AS relation
          FROM pg_catalog.pg_locks w WHERE w.pid = a.pid AND NOT w.granted LIMIT 1) l ON true
        """;

    /// <summary>To ask each node with.</summary>
    public static string Select(bool isCitus) => isCitus
        ? $"SELECT t.global_pid, t.worker_query, {Columns} FROM pg_catalog.pg_stat_activity a LEFT JOIN "
            + $"pg_catalog.get_all_active_transactions() t ON t.process_id = a.pid {Lock}"
        : $"SELECT 0 AS global_pid, false AS worker_query, {Columns} FROM pg_catalog.pg_stat_activity a {Lock}";

    public required NodeAnswer Node { get; init; }
    public required int ProcessId { get; init; }

    /// <summary>Of the session of the client for which this one works, if it does; else its own.</summary>
    public required long GlobalProcessId { get; init; }

    public required bool IsPart { get; init; }

    /// <summary>True of the session that reads this.</summary>
    public required bool Asks { get; init; }

    public required bool IsInternal { get; init; }
    public string? Database { get; init; }
    public string? UserName { get; init; }
    public string? ApplicationName { get; init; }
    public string? ClientAddress { get; init; }
    public string? State { get; init; }
    public string? Query { get; init; }
    public TimeSpan? Duration { get; init; }
    public string? WaitsFor { get; init; }
    public DateTime? SessionStart { get; init; }
    public DateTime? TransactionStart { get; init; }
    public DateTime? QueryStart { get; init; }

    /// <summary>The lock that it waits for, such as <c>row of acc_102014</c>, or null.</summary>
    public string? AwaitedLock { get; init; }

    public TimeSpan? Waiting { get; init; }

    public static NodeSession Read(NodeAnswer node, JsonElement row)
    {
        int process = row.GetProperty("pid").GetInt32();
        long global = row.GetProperty("global_pid") is { ValueKind: JsonValueKind.Number } id ? id.GetInt64() : 0;
        string? type = Text(row, "wait_event_type"), application = Text(row, "application_name"), kind = Text(row, "backend_type");
        bool isPart = row.GetProperty("worker_query").ValueKind == JsonValueKind.True;
        return new NodeSession
        {
            Node = node,
            ProcessId = process,
            // A session that has not begun a distributed transaction yet has none: it is made as Citus makes it.
            GlobalProcessId = global != 0 ? global : GlobalId(node.NodeId, process),
            IsPart = isPart,
            Asks = row.GetProperty("asks").GetBoolean(),
            // Of another user's session a plain role sees neither kind nor state, but the name.
            IsInternal = Text(row, "datname") is null || (kind ?? "client backend") != "client backend"
                || application is "Citus Maintenance Daemon" || (global >= UnknownNode && isPart),
            Database = Text(row, "datname"),
            UserName = Text(row, "usename"),
            ApplicationName = application,
            ClientAddress = Text(row, "client"),
            State = Text(row, "state"),
            Query = Text(row, "query"),
            Duration = Span(row, "duration"),
            // A session waits for its client all the time; that holds nothing up.
            WaitsFor = type is null or "Client" or "Activity" ? null : $"{type}: {Text(row, "wait_event")}",
            SessionStart = Moment(row, "backend_start"),
            TransactionStart = Moment(row, "xact_start"),
            QueryStart = Moment(row, "query_start"),
            AwaitedLock = LockText(Text(row, "locktype"), Text(row, "mode"), Text(row, "relation")),
            Waiting = Span(row, "waiting"),
        };
    }

    /// <summary>The ids that Citus gives to sessions of nodes it does not know begin here.</summary>
    private const long UnknownNode = 99_999_999 * NodeFactor;

    private const long NodeFactor = 10_000_000_000;

    public static long GlobalId(int nodeId, int processId) => nodeId * NodeFactor + processId;

    public static (int NodeId, int ProcessId) Split(long globalProcessId) =>
        ((int)(globalProcessId / NodeFactor), (int)(globalProcessId % NodeFactor));

    private static string? LockText(string? type, string? mode, string? relation) => type switch
    {
        null => null,
        "transactionid" or "tuple" => relation is null ? "row" : $"row of {relation}",
        "relation" => $"{relation} ({mode})",
        _ => $"{type}{(relation is null ? "" : $" of {relation}")} ({mode})",
    };

    private static string? Text(JsonElement row, string name) => row.GetProperty(name).GetString() is { Length: > 0 } text ? text : null;

    private static DateTime? Moment(JsonElement row, string name) =>
        row.GetProperty(name).ValueKind == JsonValueKind.Null ? null : row.GetProperty(name).GetDateTimeOffset().UtcDateTime;

    private static TimeSpan? Span(JsonElement row, string name) =>
        row.GetProperty(name).ValueKind == JsonValueKind.Null ? null : TimeSpan.FromSeconds(row.GetProperty(name).GetDouble());
}
