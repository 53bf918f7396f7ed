using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Plans how a columnar table writes its next stripes; null leaves as it is.</summary>
public sealed record ColumnarAlteration(CitusConnection Connection, TableName Table)
{
    public string? Compression { get; init; }
    public int? CompressionLevel { get; init; }
    public int? StripeRowLimit { get; init; }
    public int? ChunkGroupRowLimit { get; init; }

    /// <exception cref="Errors.CitusException">It is no columnar table, or nothing is to be changed.</exception>
    public async Task<ClusterChange> PlanAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(Connection, stop);
        TableInfo table = await TableCatalog.FindAsync(Connection, session, Table, stop);
        if (!Connection.IsCitus) throw ChangeErrors.NotSupported(Connection, "Columnar storage");
        ColumnarTable now = await ColumnarTable.HasColumnarAsync(session, stop)
            && await ColumnarTable.ReadAsync(session, [table.Oid], stop) is [var found] ? found
            : throw TableChangeErrors.NotColumnar(table.Display);
        (string Name, string? Now, string? Then)[] options =
        [
            ("compression", now.Compression, Compression),
            ("compression_level", Text(now.CompressionLevel), Text(CompressionLevel)),
            ("stripe_row_limit", Text(now.StripeRowLimit), Text(StripeRowLimit)),
            ("chunk_group_row_limit", Text(now.ChunkGroupRowLimit), Text(ChunkGroupRowLimit)),
        ];
        if (Array.TrueForAll(options, o => o.Then is null)) throw TableChangeErrors.NoColumnarOption();
        string asked = string.Join(", ", options.Where(o => o.Then is not null).Select(o => $"{o.Name} {o.Then}")),
            set = string.Join(", ", options.Where(o => o.Then is not null && o.Then != o.Now).Select(o => $"columnar.{o.Name} = {o.Then}"));
        return new ClusterChange
        {
            Action = $"Write the next stripes of {table.Display} with {asked}",
            Target = table.Display,
            Sql = set.Length == 0 ? [] : [$"ALTER TABLE {table.Name} SET ({set})"],
            Tables = [table.Display],
            Locks = set.Length == 0 ? [] : [
                $"Rows that are there stay as they are written: only new stripes are affected. VACUUM FULL {table.Name} rewrites all.",
                "Readers and writers wait for a moment (ACCESS EXCLUSIVE lock)."],
        };
    }

    private static string? Text(int? value) => value?.ToString(CultureInfo.InvariantCulture);
}
