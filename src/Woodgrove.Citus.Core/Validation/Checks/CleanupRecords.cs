namespace Woodgrove.Citus.Validation.Checks;

internal sealed class CleanupRecords() : CitusCheck(CheckCategory.Metadata,
    "pg_dist_cleanup lists nothing that a finished operation left behind.",
    "Moves and splits list there what is to be dropped. What stays takes space and can block the next move; "
        + "it stays where the drop fails or is switched off.")
{
    private static readonly Question<Leftover> Leftovers = new(Ask.Cluster, """
        SELECT record_id, operation_id, object_type, object_name, node_group_id,
            pg_catalog.current_setting('citus.defer_shard_delete_interval', true) AS drop_interval FROM pg_catalog.pg_dist_cleanup
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory'
            AND l.objsubid = 10 -- Citus: an operation that goes on
                          AND (l.classid::bigint << 32) + l.objid::bigint = operation_id)
        ORDER BY record_id LIMIT 1000
        """);

    public override Threshold Threshold => new(0, "records that are let pass");

    public override IReadOnlyList<Question> Questions => [Leftovers];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Leftovers) is { } all && all.Count > facts.Limit ? all : [], CheckStatus.Warning,
        $"at most {facts.Limit:0} record(s)", "nothing is left over",
        // No record has a time, so those of an operation that has just ended can't be told apart.
        left => $"{left.Count} not dropped yet{(left[0].DropInterval is null or "-1" ? ""
            : $", which Citus tries every {left[0].DropInterval}")}: {Verdict.List(left.Select(l => l.ObjectName))}",
        _ => "Repair-CitusCluster # and see that citus.defer_shard_delete_interval is not -1");

    public sealed record Leftover(long RecordId, long OperationId, int ObjectType, string ObjectName, int NodeGroupId, string? DropInterval);
}
