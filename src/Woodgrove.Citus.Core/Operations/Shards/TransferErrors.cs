using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>Errors of moving and splitting shards.</summary>
internal static class TransferErrors
{
    public static CitusException NoShard(long shardId) =>
        new("CitusShardNotFound", CitusErrorKind.ObjectNotFound,
            $"The cluster has no shard {shardId}; a split gives its parts new numbers.",
            "Get-ShardPlacement lists the shards.") { Target = shardId };

    public static CitusException ReferenceTable(long shardId, string table) =>
        new("CitusTransferRefused", CitusErrorKind.InvalidOperation,
            $"Shard {shardId} is that of the reference table {table}, of which every node has a copy: there is nothing to move or split.",
            $"Name a shard of a distributed table; Get-ShardPlacement lists them.") { Target = shardId };

    public static CitusException NotOwner(CitusConnection connection, GroupShard shard) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"{connection.UserName} does not own {shard.Table}, and only its owner or a superuser moves and splits its shards.",
            $"Connect as {shard.Owner}, or have a superuser run: "
                + $"GRANT {TableName.Quote(shard.Owner)} TO {TableName.Quote(connection.UserName)};")
        { Target = shard.ShardId, SqlState = PostgresErrorCodes.InsufficientPrivilege };

    public static CitusException NoIdentity(long shardId, GroupShard without) =>
        new("CitusTransferRefused", CitusErrorKind.InvalidOperation,
            $"{without.Table} has neither a primary key nor a replica identity, so its shard {without.ShardId}, which goes with shard "
                + $"{shardId}, can't be copied while rows are updated or deleted.",
            $"Give it one: ALTER TABLE {without.Table} REPLICA IDENTITY FULL; or let writers wait with -TransferMode block_writes.")
        { Target = shardId };

    public static CitusException NoLogicalReplication(long shardId, string first) =>
        new("CitusTransferRefused", CitusErrorKind.InvalidOperation,
            $"Shard {shardId} can't be copied while it is written to: a node lets Citus replicate no shard logically.",
            $"{first} Or let writers wait with -TransferMode block_writes.") { Target = shardId };

    public static CitusException SeveralPlacements(long shardId, IEnumerable<string> nodes) =>
        new("CitusTransferRefused", CitusErrorKind.InvalidArgument,
            $"Shard {shardId} has placements on several nodes, and it is not said which one is to be moved.",
            $"Say which with -FromNode: {string.Join(", ", nodes)}.") { Target = shardId };

    public static CitusException NotOnNode(long shardId, string node, IEnumerable<string> nodes) =>
        new("CitusTransferRefused", CitusErrorKind.InvalidArgument,
            $"Shard {shardId} has no placement on {node}.", $"It is on {string.Join(", ", nodes)}; leave -FromNode out, or name one of these.")
        { Target = shardId };
}
