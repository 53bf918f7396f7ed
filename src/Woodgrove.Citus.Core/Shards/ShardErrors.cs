using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Shards;

/// <summary>Errors and explanations of measuring shards and moving them.</summary>
internal static class ShardErrors
{
    public static CitusException NoSkew(TableInfo table, string what) =>
        new("CitusNotDistributed", CitusErrorKind.InvalidArgument, what,
            "Name a table that Get-DistributedTable shows with a column.") { Target = table.Display };

    public static CitusException NotRead(long shard, string result) =>
        new("CitusShardFailed", CitusErrorKind.ResourceUnavailable,
            $"Shard {shard} could not be read on its node: {result.Trim()}",
            "See whether the node runs and may be read (Get-CitusNode); -By Bytes reads no rows.") { Target = shard };

    public static CitusException NotMeasured(string table, long shard, string why) =>
        new("CitusShardFailed", CitusErrorKind.ResourceUnavailable,
            $"Shard {shard} of {table} could not be measured: {why}.",
            "See whether the node runs and may be read (Get-CitusNode), and measure again.") { Target = table };

    public const string Locked = "it is locked (Get-CitusLockWait shows by whom)";

    public const string NoStatistics =
        "No shard has statistics yet, so the heaviest values are not known; Update-CitusStatistic collects them, "
            + "-By Rows counts instead.";

    public static CitusException ReadDenied(string? user, string table) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"{user} may not read {table}, whose rows are to be counted.",
            $"Have its owner run: GRANT SELECT ON {table} TO {TableName.Quote(user!)}; -By Bytes reads no rows.")
                { Target = table, SqlState = PostgresErrorCodes.InsufficientPrivilege };

    public static CitusException NotPlanned(CitusConnection connection, string reason, PostgresException refusal) =>
        new("CitusNodeRefused", CitusErrorKind.ResourceUnavailable,
            $"The rebalance could not be planned: {reason}.",
            "Put that right, and plan again; Test-CitusCluster shows the state of nodes and shards.", refusal) { Target = connection.Name,
                SqlState = refusal.SqlState };

    public static CitusException Running(ShardRebalance running) =>
        new("CitusRebalanceRunning", CitusErrorKind.ResourceExists,
                $"A rebalance is {running.State.ToString().ToLowerInvariant()} already: job {running.JobId}, "
                    + $"{running.Done} of {running.Total} move(s) done.", 
            "Get-ShardRebalance follows it; Stop-ShardRebalance stops it, and what it has moved stays moved.") { Target = running.JobId };

    public static CitusException NoLogicalReplication(string first) =>
        new("CitusRebalanceRefused", CitusErrorKind.InvalidOperation,
            "The rebalance was not started: a node lets Citus replicate no shard logically, so none could be moved online.",
            $"{first} Or move the shards with -TransferMode block_writes, while their writers wait.");

    public static CitusException NoRoom(string node, string parameter, int free, int needed) =>
        new("CitusRebalanceRefused", CitusErrorKind.LimitsExceeded,
            $"The rebalance was not started: {node} has {(free <= 0 ? "none" : $"{free}")} of {parameter} free, and its moves need {needed}.",
            $"Wait until what takes them has ended (Get-CitusActivity -All), or raise {parameter} on {node} and restart it.")
                { Target = node };

    public static string NoExecutor(int executors, IEnumerable<long> jobs) =>
        $"The moves begin once tasks of job {string.Join(", ", jobs)} have ended: they take all {executors} of "
            + "citus.max_background_task_executors on the coordinator. Get-CitusJob -Active shows them.";

    public const string NoTasksStarted =
        "No move begins while citus.background_task_queue_interval is -1 on the coordinator: Citus starts no tasks then. The moves begin "
            + "when a superuser has run: ALTER SYSTEM SET citus.background_task_queue_interval = '5s'; SELECT pg_reload_conf();";

    public static string FewExecutors(int executors, int perNode) =>
        $"At most {executors} move(s) run side by side, {perNode} of them of the same node: citus.max_background_task_executors and "
            + "citus.max_background_task_executors_per_node of the coordinator say so. Raise them there, and reload its configuration.";

    public static CitusException DiskTooSmall(NodeRoom room, long arriving) =>
        new("CitusRebalanceRefused", CitusErrorKind.LimitsExceeded,
            $"The rebalance was not started: it moves {arriving:N0} bytes to {room.Node}, whose disk has {room.DiskBytes:N0} bytes free.",
            $"Grow the disk, or add another node with Add-CitusNode; Start-ShardRebalance -WhatIf shows the moves.")
                { Target = room.Node };

    public static CitusException NotParallel(CitusConnection connection, PostgresException refusal) =>
        new("CitusNotSupported", CitusErrorKind.NotImplemented,
                $"{connection.Engine} {connection.CitusVersion} moves shards one at a time.",
                "Citus has -ParallelReferenceTables and -ParallelColocatedShards from version 13.2. Start the rebalance without "
                    + "them.", refusal)
            { SqlState = refusal.SqlState };

    public static CitusException NotStarted(PostgresException refusal) =>
        new("CitusRebalanceRefused", CitusErrorKind.InvalidOperation,
                $"The rebalance was not started: {PostgresErrors.Text(refusal)}",
                "A table without a primary key or a replica identity moves with -TransferMode block_writes, while its writers wait, "
                    + "or with force_logical, while its UPDATE and DELETE fail; Test-CitusCluster ReplicaIdentity lists such "
                    + "tables.", refusal)
            { SqlState = refusal.SqlState };

    public static CitusException NoRebalance(long? jobId) =>
        new("CitusRebalanceNotFound", CitusErrorKind.ObjectNotFound,
            $"There is no rebalance of the number {jobId}.", "Without -JobId, Get-ShardRebalance shows the latest.") { Target = jobId };

    public static CitusException NoneRuns(ShardRebalance? last) =>
        new("CitusRebalanceNotRunning", CitusErrorKind.ObjectNotFound, "No rebalance runs.",
            last is null ? "There never was one here."
                : $"The last one, job {last.JobId}, is {last.State.ToString().ToLowerInvariant()}; Get-ShardRebalance shows it.");

    public static CitusException NoStrategy(string strategy, IEnumerable<string> known) =>
        new("CitusStrategyNotFound", CitusErrorKind.ObjectNotFound, $"There is no rebalance strategy '{strategy}'.",
            $"There are: {string.Join(", ", known)}. citus_add_rebalance_strategy adds one.") { Target = strategy };
}
