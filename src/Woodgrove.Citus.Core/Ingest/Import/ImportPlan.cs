using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>What an import will do, decided before a row is sent: the opened source, where its rows go, and which way.</summary>
/// <param name="Table">The table that the user named.</param>
/// <param name="Columns">Its columns with where their values come from.</param>
/// <param name="Target">The table, as its rows are copied.</param>
/// <param name="Source">The opened source, at its beginning.</param>
internal sealed record ImportPlan(
    CitusConnection Connection, TableInfo Table, IReadOnlyList<BoundColumn> Columns, CopyTarget Target, SourceCursor Source)
    : IAsyncDisposable
{
    public CsvFile File => Source.File;

    /// <summary>Where the rows are gathered first, or null.</summary>
    public Staging? Staging { get; init; }

    public ImportRoute Route { get; init; }
    public string Reason { get; init; } = "";
    public ShardRoute? Shards { get; init; }

    /// <summary>A batch that an earlier run left in parts, or null.</summary>
    public PartialBatch? Pending { get; init; }

    /// <summary>Whether the ledger has imports of the table that leave it when the table is emptied.</summary>
    public bool ForgetsOthers { get; init; }

    /// <summary>Opens the source and binds its fields to the table's columns.</summary>
    public static async Task<ImportPlan> OpenAsync(CsvImport import, CitusConnection connection, NpgsqlConnection session, CsvSource source,
        TableName name, CancellationToken stop)
    {
        TableInfo table = await TableCatalog.FindAsync(connection, session, name, stop);
        (CsvInput input, CsvDialect dialect) = await CsvPreamble.OpenAsync(source, import.Dialect.Checked(), table, import.Shape,
            import.Warn, stop);
        try
        {
            IReadOnlyList<BoundColumn> columns = ColumnBinding.Bind(input, dialect, table, import.Shape);
            // Rows that may give way to each other are gathered with their lines.
            IEnumerable<BoundColumn> line = import.OnConflict == ConflictAction.Error
                ? [] : [new BoundColumn(Staging.Line, null, null) { IsLine = true }];
            RecordConverter? converter = RecordConverter.For(source, dialect, ColumnBinding.FieldCount(input, dialect, import.Shape),
                [.. columns, .. line], import.Shape);
            var target = new CopyTarget(table, columns.Select(c => c.Column).ToList(),
                converter is null ? dialect : RecordConverter.Dialect);
            return new ImportPlan(connection, table, columns, target,
                new SourceCursor(new CsvFile(source, dialect, converter, session.PostgreSqlVersion.Major < 18), input));
        }
        catch
        {
            await input.DisposeAsync();
            throw;
        }
    }

    /// <summary>Decides on the way.</summary>
    /// <param name="noLedger">Why the coordinator, which would keep the ledger, can't be reached, or null.</param>
    public async Task<ImportPlan> ChooseRouteAsync(CsvImport import, NpgsqlConnection session, CitusException? noLedger,
        CancellationToken stop)
    {
        var shards = new ShardRoute(Connection, File, Staging?.Rows ?? Target);
        (ImportRoute route, string reason) = await new RouteChoice(import, shards, session, noLedger).ChooseAsync(Source.Input, Pending,
            stop);
        return this with { Shards = shards, Route = route, Reason = reason };
    }

    public async ValueTask DisposeAsync()
    {
        if (Shards is not null) await Shards.CloseAsync();
        await Source.DisposeAsync();
    }
}
