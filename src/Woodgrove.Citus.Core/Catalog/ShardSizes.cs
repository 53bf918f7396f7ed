using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Catalog;

/// <summary>The sizes of placements, as parameters for the queries that show them beside the catalogs.</summary>
internal sealed class ShardSizes
{
    /// <summary>For a query's first three parameters, beside placements l.</summary>
    public const string Join = "LEFT JOIN unnest($1::bigint[], $2::int[], $3::bigint[]) AS z (shardid, groupid, "
        + "size) ON z.shardid = l.shardid AND z.groupid = l.groupid";

    /// <summary>Null where sizes were not read, or one of them could not be: a part is not the sum.</summary>
    public const string Sum = "CASE WHEN $1::bigint[] IS NOT NULL AND pg_catalog.count(z.size) = pg_catalog.count(l.shardid) THEN "
        + "coalesce(pg_catalog.sum(z.size), 0)::bigint END";

    private readonly List<(long Shard, int Group, long Size)>? _sizes;

    private ShardSizes(List<(long, int, long)>? sizes) => _sizes = sizes;

    /// <summary>Sizes that nobody asked for.</summary>
    public static ShardSizes Unread { get; } = new(null);

    /// <summary>Of the shards of some tables, or of all.</summary>
    /// <param name="warn">Receives sizes that could not be read.</param>
    public static Task<ShardSizes> ReadAsync(
        CitusConnection connection, NpgsqlConnection session, IReadOnlyCollection<TableInfo> tables, Action<string> warn,
        CancellationToken stop) =>
        ReadByOidAsync(connection, session, tables.Count == 0 ? null : tables.Select(t => t.Oid), warn, stop);

    /// <summary>Of the shards of the tables of these oids, or of all where null.</summary>
    public static async Task<ShardSizes> ReadByOidAsync(
        CitusConnection connection, NpgsqlConnection session, IEnumerable<uint>? tables, Action<string> warn, CancellationToken stop)
    {
        var inquiry = new ShardInquiry(connection, session);
        List<(int Group, JsonElement Row)> answers = await inquiry.AskAsync(tables, ShardInquiry.Size, "", stop);
        List<long> locked = [.. answers.Where(a => a.Row[1].ValueKind == JsonValueKind.Null).Select(a => a.Row[0].GetInt64()).Order()];
        if (locked.Count > 0) warn(CatalogErrors.SizesLocked(locked));
        foreach (string failure in inquiry.Failures.Values) warn($"Sizes are missing: {failure}.");
        return new([.. answers.Where(a => a.Row[1].ValueKind == JsonValueKind.Number)
            .Select(a => (a.Row[0].GetInt64(), a.Group, a.Row[1].GetInt64()))]);
    }

    /// <summary>Of each shard, that of its largest placement.</summary>
    public Dictionary<long, long> Largest() => (_sizes ?? []).GroupBy(s => s.Shard).ToDictionary(s => s.Key, s => s.Max(p => p.Size));

    public void AddTo(NpgsqlCommand command)
    {
        command.Parameters.Add(new() { Value = (object?)_sizes?.Select(s => s.Shard).ToArray() ?? DBNull.Value,
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        command.Parameters.Add(new() { Value = (object?)_sizes?.Select(s => s.Group).ToArray() ?? DBNull.Value,
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        command.Parameters.Add(new() { Value = (object?)_sizes?.Select(s => s.Size).ToArray() ?? DBNull.Value,
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
    }
}
