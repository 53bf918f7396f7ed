namespace Woodgrove.Citus.Settings;

/// <summary>
/// A parameter that matters for a cluster, and what suits a workload. A reason names PostgreSQL's manual, Citus's
/// documentation or Citus's description of the parameter (pg_settings) where that says so; what neither says, and is
/// custom or judgement, calls itself a rule of thumb.
/// </summary>
/// <param name="Suggest">Given the workload, the smallest node, and the largest number that another parameter has on any node.</param>
internal sealed record SettingAdvice(string Name, string Description,
    Func<CitusWorkload, NodeCapacity, Func<string, double>, Suggestion> Suggest)
{
    internal const string CapacityUnknown = "The node's memory or cores cannot be read with this user's rights: give -Memory and -Core.";

    private const long MB = 1 << 20, GB = 1 << 30;

    public static IReadOnlyList<SettingAdvice> All { get; } =
    [
        new("shared_buffers", "Memory in which a node keeps pages of tables and indexes.",
            (_, node, _) => Suggestion.About(node.MemoryBytes / 4.0,
                "A quarter of the node's memory, to begin with (PostgreSQL's manual); more is taken from the operating system's cache.")),
        new("effective_cache_size", "What the planner takes for cached, by the server and by the operating system; no memory is reserved.",
            (_, node, _) => Suggestion.About(node.MemoryBytes * 0.75,
                "Rule of thumb: three quarters of the node's memory, about what it and the operating system cache together.")),
        new("work_mem", "Memory that one sort or hash of one fragment may use before it goes to disk. "
            + "A query has a fragment for each shard.",
            (workload, node, other) => workload switch
            {
                CitusWorkload.Analytical => Suggestion.About(Clamp(node.MemoryBytes / 4.0 / Fragments(2 * node.Cores, other), 16 * MB, GB),
                    "Rule of thumb: a quarter of the memory, for two fragments a core at a time, "
                        + "or as many as a query has connections to a worker (citus.max_adaptive_executor_pool_size) where those are "
                        + "more."),
                CitusWorkload.Transactional =>
                    Suggestion.About(Clamp(node.MemoryBytes / 4.0 / Math.Max(1, other("max_connections")), 4 * MB, 64 * MB),
                    "Rule of thumb: a quarter of the memory, for all connections at a time; single rows need little."),
                _ => Suggestion.About(Clamp(node.MemoryBytes / 8.0 / Fragments(4 * node.Cores, other), 8 * MB, 256 * MB),
                    "Rule of thumb: an eighth of the memory, for four fragments a core at a time, "
                        + "or as many as a query has connections to a worker where those are more; "
                        + "raise it in the session that sorts much."),
            }),
        new("maintenance_work_mem", "Memory for building an index, and for vacuum.",
            (_, node, _) => Suggestion.About(Clamp(node.MemoryBytes / 16.0, 64 * MB, 2 * GB),
                "Rule of thumb: a sixteenth of the memory, at most 2 GB, because several shards may be indexed at the same time.")),
        new("max_connections", "Sessions that a node accepts, those between the nodes included.",
            (_, _, other) => new Suggestion($"{other("max_connections"):0}", f => f.Number >= other("max_connections"),
                "Workers take connections from every node that runs queries, so none should accept fewer than another. "
                    + "For more clients put PgBouncer before the cluster.")),
        new("citus.max_client_connections", "Connections that clients may open to a node, superusers apart; "
            + "-1 is as many as max_connections.",
            (_, _, _) => Suggestion.Keep("Where clients connect to workers too, a limit below max_connections keeps places for the "
                + "connections between the nodes (Citus's description).")),
        new("io_method", "How a node reads pages ahead (PostgreSQL 18): by processes of its own, by the kernel's io_uring, or not.",
            (_, _, _) => Suggestion.Keep("worker, the default, reads by io_workers processes. "
                + "io_uring needs a server that was built with it and a kernel that allows it (PostgreSQL's manual).")),
        new("io_workers", "Processes that read pages ahead where io_method is worker (PostgreSQL 18).",
            (_, _, _) => Suggestion.Keep("3, the default. A node with fast storage and many cores may gain by more: "
                + "measure a query that reads much.")),
        new("max_prepared_transactions", "Transactions that may be prepared at a time; a write to several nodes prepares one on each.",
            (_, _, other) => Suggestion.AtLeast(other("max_connections"),
                "At least max_connections, so that every session can have one prepared (PostgreSQL's manual); with fewer, "
                    + "writes to several nodes fail when many commit at once.")),
        new("max_worker_processes", "Background processes, of which Citus needs one a database for maintenance and one for each "
            + "background task.",
            (_, node, other) => node.Cores is { } cores
                ? Suggestion.AtLeast(cores + other("citus.max_background_task_executors") + 8,
                    "Rule of thumb: one a core for parallel work, one for each background task executor, and eight for the rest.")
                : Suggestion.Keep("Rule of thumb: one a core, one for each background task executor, and eight for the rest. "
                    + "The node's cores cannot be read with this user's rights: give -Core.")),
        new("wal_level", "What the write-ahead log holds.",
            (_, _, _) => Suggestion.Exactly("logical", "Moves and splits of shards use logical replication to leave writers alone.")),
        new("citus.shard_count", "Shards of a new colocation group.",
            (workload, node, _) => workload == CitusWorkload.Analytical && node.Cores is { } cores
                ? Suggestion.AtLeast(Math.Max(32, 2 * cores * node.Workers),
                    "Twice the workers' cores: Citus's documentation recommends 2 or 4 times as many for analytics, "
                        + "so that a query over all shards has work for each core and the cluster can grow.")
                : Suggestion.AtLeast(32, "Citus's documentation recommends 32 shards for less than 100 GB and 64 or 128 above, "
                    + "for many tenants; more make queries over all shards slower to start.")),
        new("citus.max_adaptive_executor_pool_size", "Connections that one session opens to one worker for a query over several shards.",
            (workload, node, _) => workload switch
            {
                CitusWorkload.Transactional =>
                    new Suggestion("4", f => f.Number is >= 1 and <= 8,
                        "Rule of thumb: fewer than the default of 16, so that one query over all shards does not take every core from "
                            + "the others; a lower limit lets more of them run side by side (Citus's description)."),
                CitusWorkload.Analytical when node.Cores is { } cores =>
                    new Suggestion($"{Math.Max(16, cores)}", f => f.Number >= Math.Max(16, cores),
                        "Rule of thumb: at least one connection a core, so that one query can use the whole worker; 16 is the default."),
                _ => new Suggestion("16", f => f.Number is >= 4 and <= 64, "The default; give sessions of little urgency less with SET."),
            }),
        new("citus.executor_slow_start_interval", "Milliseconds between opening one connection to a worker and the next.",
            (workload, _, _) => workload == CitusWorkload.Analytical
                ? new Suggestion("0", f => f.Number is >= 0 and <= 10,
                    "Rule of thumb: fragments that run long gain by further connections at once; the wait is meant for short ones.")
                : new Suggestion("10ms", f => f.Number >= 5,
                    "The default: short fragments can often end on one connection, and no other is opened unnecessarily "
                        + "(Citus's description).")),
        new("citus.max_cached_conns_per_worker", "Connections to each worker that a session keeps for its next transaction.",
            (workload, _, _) => workload == CitusWorkload.Analytical
                ? new Suggestion("2", f => f.Number is >= 1 and <= 4,
                    "Rule of thumb: with few sessions two; more make queries over several shards quicker to start and burden the workers "
                        + "(Citus's description).")
                : new Suggestion("1", f => f.Number == 1,
                    "The default. Every session keeps that many on every worker; none costs a connection a query.")),
        new("citus.max_shared_pool_size", "Connections to one worker that all sessions of a node may open together; "
            + "0 is max_connections, -1 no limit.",
            (_, _, other) => new Suggestion("0", f => f.Number >= 0 && f.Number <= other("max_connections"),
                "At most the max_connections of the workers (Citus's description); queries then wait for a connection instead of failing.")),
        new("citus.local_shared_pool_size", "Connections that a node's sessions open to the node itself, for shards that lie on it.",
            (_, _, other) => new Suggestion("0", f => f.Number >= 0 && f.Number <= other("max_connections"),
                "The default, which is half of max_connections and leaves the rest to clients; "
                    + "at most max_connections (Citus's description).")),
        new("citus.enable_repartition_joins", "Whether rows may be moved between workers for a join that is not by distribution columns.",
            (workload, _, _) => workload == CitusWorkload.Transactional
                ? Suggestion.Exactly("off", "The default, and a judgement: such a join moves a table over the network; "
                    + "better refused than slow, so that its query is rewritten.")
                : Suggestion.Exactly("on", "A judgement: analysts join by other columns too, and Get-CitusQueryPlan shows what moves.")),
        new("citus.multi_shard_modify_mode", "Whether a write to several shards runs on all of them at once. "
            + "Commits over nodes are always two-phase, as citus.multi_shard_commit_protocol once chose.",
            (_, _, _) => Suggestion.Exactly("parallel",
                "The default. Sequential writes take one shard after the other; set it for the one transaction that needs it.")),
        new("citus.max_intermediate_result_size",
            "Kilobytes that a CTE or subquery which cannot be pushed down may bring to the coordinator; -1 is no limit.",
            (workload, _, _) => workload == CitusWorkload.Transactional
                ? new Suggestion("1GB", f => f.Number is >= 0 and <= GB,
                    "The default; no more, as a rule of thumb: a query that moves more was hardly meant to.")
                : new Suggestion("1GB", f => f.Number is >= 256 * MB,
                    "The default: analysts' CTEs bring much; a limit keeps the coordinator's disk from filling.")),
        new("citus.max_background_task_executors_per_node", "Moves of shards that a rebalance does at a time from or to one node.",
            (_, _, _) => Suggestion.Keep("1, the default, disturbs the other work least. For more, "
                + "Citus's documentation says to raise citus.max_background_task_executors and max_worker_processes too; "
                + "2 to 4 in a maintenance window is a rule of thumb.")),
        new("citus.max_background_task_executors", "Background tasks that run at a time.",
            (_, _, _) => Suggestion.Keep("Enough by default; each takes one of max_worker_processes.")),
        new("citus.defer_shard_delete_interval",
            "Milliseconds between two attempts to drop what moves and splits left behind; -1 is never.",
            (_, _, _) => new Suggestion("15s", f => f.Number is > 0 and <= 600_000,
                "The default; up to ten minutes as a rule of thumb: leftovers take space on the node that a move was to relieve.")),
    ];

    /// <summary>Fragments that may sort or hash on a worker at a time; null where the cores are not known.</summary>
    private static double? Fragments(double? byCores, Func<string, double> other) =>
        byCores is null ? null : Math.Max(byCores.Value, other("citus.max_adaptive_executor_pool_size"));

    private static double? Clamp(double? value, double low, double high) => value is { } given ? Math.Clamp(given, low, high) : null;
}
