using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Mapping;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>Finds the import that a resumed load continues.</summary>
internal static class ResumableImport
{
    /// <summary>
    /// The latest import of the source into the table, if it was not completed, or is complete and the source is still the
    /// same: then the load is refused as complete.
    /// </summary>
    public static async Task<Guid?> FindAsync(CsvImport import, CancellationToken stop)
    {
        await using NpgsqlConnection session = await import.Connection.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(import.Connection, session, import.Table, stop);
        ImportBatch? latest = await ImportLedger.FindLatestAsync(session, target.Name.ToString(), import.Source.Name, stop);
        if (latest is null) return null;
        return !latest.IsLast || await IsSameAsync(import, latest, target, session.PostgreSqlVersion.Major < 18, stop) ? latest.ImportId
            : null;
    }

    /// <summary>Whether the source is, byte for byte, what an import has loaded.</summary>
    private static async Task<bool> IsSameAsync(CsvImport import, ImportBatch complete, TableInfo target, bool dotEndsData,
        CancellationToken stop)
    {
        (CsvInput input, CsvDialect dialect) =
            await CsvPreamble.OpenAsync(import.Source, import.Dialect.Checked(), target, import.Shape, null, stop);
        await using var source = new SourceCursor(new CsvFile(import.Source, dialect, DotEndsData: dotEndsData), input);
        return await source.SkipToAsync(complete.EndByte, complete.Fingerprint, stop) && !await source.ReadAsync(stop);
    }
}
