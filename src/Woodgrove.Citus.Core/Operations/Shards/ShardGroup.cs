using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>A shard with those that are colocated with it: they are moved and split together.</summary>
internal sealed record ShardGroup
{
    public required long ShardId { get; init; }

    /// <summary>The shard's table, as it is shown.</summary>
    public required string Table { get; init; }

    /// <summary>The shard's own table on the node, quoted for SQL.</summary>
    public required string ShardName { get; init; }

    /// <summary>The hashes that it holds; null where rows are not hashed.</summary>
    public (int Min, int Max)? Hashes { get; init; }

    /// <summary>The distribution column, or null.</summary>
    public string? Column { get; init; }

    /// <summary>All shards, that one first.</summary>
    public required IReadOnlyList<GroupShard> Members { get; init; }

    /// <summary>The ids of the nodes that have a placement of it.</summary>
    public required IReadOnlyList<int> NodeIds { get; init; }

    /// <summary>Of all its shards on one node; null where it could not be read.</summary>
    public long? SizeBytes { get; init; }

    public Listing<string> Tables => [.. Members.Select(m => m.Table).Distinct()];

    public Listing<long> Shards => [.. Members.Select(m => m.ShardId)];

    /// <summary>Reads the group of a shard.</summary>
    /// <param name="warn">Receives sizes that could not be read.</param>
    /// <exception cref="Errors.CitusException">There is no such shard, it is one of a reference table, or the role may not change it.</exception>
    public static async Task<ShardGroup> ReadAsync(CitusConnection connection, NpgsqlConnection session, long shardId,
        Action<string> warn, CancellationToken stop)
    {
        ShardGroup? found = await session.FirstAsync($"""
            SELECT {SearchPath.Show("s.logicalrelid")},
                c.relnamespace::regnamespace::text || '.' || pg_catalog.quote_ident(x.parts[cardinality(x.parts)]),
                s.shardminvalue::int, s.shardmaxvalue::int, CASE WHEN p.partmethod = 'h' THEN pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) END,
                p.repmodel = 't',
                ARRAY(SELECT n.nodeid FROM pg_catalog.pg_dist_placement l JOIN pg_catalog.pg_dist_node n ON n.groupid = l.groupid
                      WHERE l.shardid = s.shardid AND l.shardstate = 1 AND n.noderole = 'primary' ORDER BY n.nodeid)
            FROM pg_catalog.pg_dist_shard s JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = s.logicalrelid
            JOIN pg_catalog.pg_class c ON c.oid = s.logicalrelid,
            LATERAL (SELECT pg_catalog.parse_ident(pg_catalog.shard_name(s.logicalrelid, s.shardid))) x (parts)
            WHERE s.shardid = $1
            """, row => row.GetBoolean(5) ? throw TransferErrors.ReferenceTable(shardId, row.GetString(0)) : new ShardGroup
            {
                ShardId = shardId, Table = row.GetString(0), ShardName = row.GetString(1),
                Hashes = row.IsDBNull(2) ? null : (row.GetInt32(2), row.GetInt32(3)), Column = row.TextOrNull(4), Members = [],
                NodeIds = row.GetFieldValue<int[]>(6),
            }, stop, shardId);
        if (found is null) throw TransferErrors.NoShard(shardId);
        List<GroupShard> members = await session.ListAsync($"""
            SELECT m.shardid, m.logicalrelid::oid, {SearchPath.Show("m.logicalrelid")},
                NOT {MissingIdentity.Of("c")},
                pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.pg_has_role(c.relowner, 'USAGE')
            FROM pg_catalog.pg_dist_shard s
            JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = s.logicalrelid
            JOIN pg_catalog.pg_dist_partition q ON q.logicalrelid = p.logicalrelid
                OR (p.colocationid <> 0 AND q.colocationid = p.colocationid)
            JOIN pg_catalog.pg_dist_shard m ON m.logicalrelid = q.logicalrelid AND m.shardminvalue IS NOT DISTINCT FROM s.shardminvalue
            JOIN pg_catalog.pg_class c ON c.oid = m.logicalrelid
            WHERE s.shardid = $1 ORDER BY m.shardid <> s.shardid, m.shardid
            """, row => new GroupShard(row.GetInt64(0), row.GetFieldValue<uint>(1), row.GetString(2), row.GetBoolean(3), row.GetString(4),
                row.GetBoolean(5)), stop, shardId);
        if (members.Find(m => !m.IsOwned) is { } other) throw TransferErrors.NotOwner(connection, other);
        Dictionary<long, long> sizes =
            (await ShardSizes.ReadByOidAsync(connection, session, members.Select(m => m.TableOid), warn, stop)).Largest();
        return found with
        {
            Members = members,
            SizeBytes = members.TrueForAll(m => sizes.ContainsKey(m.ShardId)) ? members.Sum(m => sizes[m.ShardId]) : null,
        };
    }

    /// <summary>Refuses what Citus would refuse of a copy of the group in this way.</summary>
    /// <param name="mode">Citus's own word: auto, force_logical or block_writes.</param>
    public async Task RequireTransferableAsync(NpgsqlConnection session, string mode, CancellationToken stop)
    {
        if (mode == "auto" && Members.FirstOrDefault(m => !m.HasIdentity) is { } without) throw TransferErrors.NoIdentity(ShardId, without);
        if (mode != "block_writes" && await OutputPlugins.AdviceAsync(session, stop) is { } first)
            throw TransferErrors.NoLogicalReplication(ShardId, first);
    }

    /// <summary>Who waits for a copy of the group, and for how long.</summary>
    public Listing<string> Locks(string mode) =>
    [
        WaitOf(mode),
        .. mode == "force_logical" && Members.Any(m => !m.HasIdentity) ? (string[])["UPDATE and DELETE fail meanwhile in "
            + $"{string.Join(", ", Members.Where(m => !m.HasIdentity).Select(m => m.Table).Distinct())}, without a replica identity."] : [],
        "Meanwhile DDL on these tables waits, and so do other moves and splits of their shards.",
    ];

    /// <summary>Who waits for the copy of a shard.</summary>
    public static string WaitOf(string mode) => mode == "block_writes" ? "Writes to a shard wait until all of it is copied; reads go on."
        : "Writes to a shard wait for the last moment only, when its copy has caught up; reads go on.";

    /// <summary>The literal of a transfer mode.</summary>
    public static string Mode(string mode) => $"{TableName.Literal(mode)}::citus.shard_transfer_mode";
}
