using Npgsql;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>Errors of the ledger of imports, and of what it decides.</summary>
internal static class LedgerErrors
{
    /// <summary>A schema or table of the ledger that another role could use to run code, or that is not as the module creates it.</summary>
    public static CitusException NotTrusted(string name, string why) =>
        new("CitusLedgerNotTrusted", CitusErrorKind.SecurityError, $"{name} {why}. Nothing was written to it.",
            "Have a superuser look at the schema, and make it the user's who loads or a superuser's (ALTER SCHEMA woodgrove OWNER TO …, "
                + "ALTER TABLE … OWNER TO …), "
            + "or drop it (DROP SCHEMA woodgrove CASCADE) if no import is to be resumed.") { Target = name };

    public static CitusException Denied(NpgsqlConnection session, string grant, string what) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"{LedgerSchema.User(session)} may not {what} in database '{session.Database}', where imports that can be resumed "
                + "are recorded.",
            $"Have its owner run: {grant};") { Target = LedgerSchema.Name, SqlState = PostgresErrorCodes.InsufficientPrivilege };

    public static CitusException Pending(Guid importId, IEnumerable<ImportRepair> steps) =>
        new("CitusImportPending", CitusErrorKind.ResourceUnavailable,
            $"Import {importId} is not removed: it holds a batch whose rows are not known to be committed on every node, "
                + "and without the ledger they would be rolled back. "
            + string.Join(' ', steps.Select(s => s.ToString())),
            $"Repair-CitusImport {importId} commits them once every node can be reached; then remove the import.") { Target = importId };

    public static CitusException NotFound(Guid importId, string database) =>
        new("CitusImportNotFound", CitusErrorKind.ObjectNotFound, $"There is no import {importId} of this "
            + $"user in the ledger of '{database}'.",
            "Get-CitusImport lists them, with the role that loaded each.") { Target = importId };

    public static CitusException PooledLock(Guid importId, string what) =>
        ConnectionErrors.Pooled($"Import {importId}: {what}. The connection",
            "so that nothing keeps two loads of one import apart. The batch was not committed.", importId);

    public static CitusException Running(Guid importId) =>
        new("CitusImportRunning", CitusErrorKind.ResourceUnavailable,
            $"Import {importId} is running in another session.", "Wait for it, or end that session.") { Target = importId, MayPass = true };

    public static CitusException Running(ResumedSource source) =>
        new("CitusImportRunning", CitusErrorKind.ResourceUnavailable,
            $"Another session is loading {source.Name} into {source.Table} with -Resume.",
            "Wait for it, or end that session; Get-CitusImport shows it.") { Target = source.Name, MayPass = true };

    public static CitusException LoadedMeanwhile(ResumedSource source) =>
        new("CitusImportRunning", CitusErrorKind.ResourceUnavailable,
            $"Another session has loaded rows of {source.Name} into {source.Table} since this command looked for what to resume. "
                + "This one has loaded nothing.",
            "Run it again: it then continues that import, or says that it is complete.") { Target = source.Name };

    public static CitusException WouldEmpty(string table, Guid running) =>
        new("CitusImportRunning", CitusErrorKind.ResourceUnavailable,
            $"-Truncate would remove the rows that import {running}, which is running in another session, has committed to {table}.",
            "Wait for it, or end that session.") { Target = running };

    /// <summary>A warning: an interrupted import of another role stays in the ledger.</summary>
    public static string EmptiesAnothers(Guid importId, string source, string role, long rows, string table) =>
        $"The interrupted import {importId} of {source} by role '{role}' has {rows} rows in {table}, which -Truncate removes, "
            + $"and would continue behind them: have '{role}' run Remove-CitusImport {importId}.";

    public static CitusException NotOwn(Guid importId) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"Import {importId} is another role's, which alone may remove it from the ledger. Nothing was removed.",
            "Get-CitusImport shows the role (LoadedBy). Connect as it, or as the owner of woodgrove.import_batch.") { Target = importId };

    public static CitusException MayLackBatches(Guid importId, CsvSource source, TableName table, long rows, long end, string? kept) =>
        new("CitusCoordinatorFailedOver", CitusErrorKind.InvalidOperation,
            $"Import {importId}: the coordinator has been replaced by a standby, or restored, since the import's last batch in the ledger, "
            + $"which then holds {rows} rows of {source} up to byte {end}. It may have lost later decisions, so that {table} has more "
            + $"rows of the file than that. {kept}".TrimEnd(),
            $"Count the file's rows in the table. If there are {rows}, confirm it with "
            + "Invoke-CitusQuery \"UPDATE woodgrove.import_batch SET attempt = overlay(attempt PLACING '0000' FROM 1 FOR 4) WHERE "
            + $"import_id = '{importId}'\" and run the load again. "
            + $"Otherwise remove the file's rows from the table, clear the import with Remove-CitusImport {importId}, "
            + "and load the file again.")
                { Target = importId };

    public static CitusException PreparedLost(PreparedName name, string node, string? status, Exception cause) =>
        new("CitusPreparedTransactionLost", CitusErrorKind.InvalidData,
            $"Import {name.ImportId}: the prepared transaction {name} is no longer on {node}, "
                + $"and {(status is null ? "the node no longer knows whether it was committed" : $"it is {status}")}. "
            + $"The ledger holds batch {name.Batch} as committed, "
            + $"but its rows in shard {name.Part} are {(status is null ? "perhaps not" : "not")} in the table.",
            "Somebody has ended it by hand, or the node was restored. Compare the table with the file, "
                + "load the missing rows as another import, and see who may run ROLLBACK PREPARED.", cause) { Target = name.ImportId };

    /// <summary>Whether a server says that what is to be made exists.</summary>
    public static bool IsMade(string sqlState) => sqlState is PostgresErrorCodes.DuplicateTable or PostgresErrorCodes.DuplicateObject;

    /// <summary>Whether there is nothing left to make: it exists, or its table is gone.</summary>
    public static bool IsMadeOrGone(string sqlState) => IsMade(sqlState) || sqlState == PostgresErrorCodes.UndefinedTable;

    /// <param name="pending">The statements that are still to be run.</param>
    public static CitusException NotRestored(Guid importId, IReadOnlyList<string> pending, NpgsqlException cause)
    {
        CitusException known = PostgresErrors.Describe(cause, importId);
        return new CitusException(known.ErrorId, known.Kind, "What -DeferIndexes has dropped is not all recreated. " + known.What,
            $"Once the cause is gone, run the command again with -ImportId {importId}, which makes the rest, or run it yourself: "
                + string.Join("; ", pending) + ".", cause)
        { Target = importId, SqlState = known.SqlState, MayPass = PostgresErrors.MayPass(cause) };
    }
}
