using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Transfer;

/// <summary>Errors of copies between clusters.</summary>
internal static class CopyErrors
{
    public static CitusException SameDatabase(string name) => new("CitusCopySameDatabase", CitusErrorKind.InvalidArgument,
        $"-From and -To lead to the same database ({name}), where a table can't be copied onto itself.",
        "Name another connection; Get-CitusConnection lists them.") { Target = name };

    public static CitusException QueryNeedsOneTable() => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        "The rows of -Query go into one table, and -Table names several.", "Name the one table that takes the rows.");

    public static CitusException VerifyNeedsWholeTables() => new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
        "-Verify compares whole tables, and -Query and -OnConflict copy something else than that.",
        "Leave -Verify out, or copy the whole table into an empty one.");

    public static string PartsOfEarlierRun(string table, int done, int parts) =>
        $"{table}: {done} of {parts} parts were copied by an earlier run, as the source was then. What was written in the source since "
            + "is missing in them; -Verify, or Compare-CitusTable, tells.";

    /// <summary>A warning: rows may not arrive as they are.</summary>
    public static string TriggersFire(TablePlan plan) =>
        $"{plan.Target.Display}: triggers of the target fire for each row that is copied, and may change it or insert others "
            + $"({string.Join(", ", plan.Triggers.Select(t => t.Name).Distinct())}). To copy rows as they are, run "
            + $"{string.Join(' ', plan.Triggers.Select(t => t.Disable))} before, and "
            + $"{string.Join(' ', plan.Triggers.Select(t => t.Enable))} afterwards.";

    /// <summary>A warning: a copy goes on with another snapshot than the one that it began with.</summary>
    public static string SourceReopened(bool hasCopied) => "The source's sessions were lost. What is left is read in new sessions"
        + (hasCopied ? ", as of a later instant than what is copied already: what was written in the source in between may be missing "
            + "there; -Verify, or Compare-CitusTable, tells." : ".");

    public static CitusException ColumnsDiffer(string table, string[] lacking, string[] extra) => new("CitusCopyColumnsDiffer",
        CitusErrorKind.InvalidData, $"{table}: " + string.Join("; ", new[]
        {
            lacking.Length == 0 ? null
                : $"the source has no column {string.Join(", ", lacking)}, which the target has and gives no default",
            extra.Length == 0 ? null : $"the target has no column {string.Join(", ", extra)}, which the source has",
            lacking.Length + extra.Length > 0 ? null : "source and target have no column of the same name",
        }.OfType<string>()) + ". Nothing was copied.",
        "Make the columns alike, give the target's a default, or name the table alone and choose columns with -Query.")
            { Target = table };

    public static CitusException TypesDiffer(string table, string column, string from, string to) => new("CitusCopyTypesDiffer",
        CitusErrorKind.InvalidData, $"{table}.{column} is {from} in the source and {to} in the target. Nothing was copied.",
        $"Change one of the two types, or name the table alone and convert the values with -Query (… {column}::{to} …).")
            { Target = table };

    public static CitusException SequenceDenied(string table, string user, string[] sequences) => new("CitusPermissionDenied",
        CitusErrorKind.PermissionDenied, $"{user} may not set the target's sequences of {table}, which go on behind the rows: "
            + $"{string.Join(", ", sequences)}. Nothing was copied.",
        $"Have their owner run: GRANT SELECT, UPDATE ON SEQUENCE {string.Join(", ", sequences)} TO {user};")
            { Target = table, SqlState = "42501" };

    public static CitusException StreamCut() => new("CitusCopyStreamCut", CitusErrorKind.ConnectionError,
        "The source's COPY ended before its last row.", "Run the command again.") { MayPass = true };

    public static CitusException NullKey(string table) => new("CitusNullDistributionValue", CitusErrorKind.InvalidData,
        $"A row of the source has no distribution value, without which it has no shard in {table}.",
        "Give it one, or leave such rows out with -Query.") { Target = table, SqlState = "22004" };

    public static CitusException RowMisplaced(string table) => new("CitusCopyRowMisplaced", CitusErrorKind.InvalidData,
        $"A shard of {table} in the source has a row whose distribution value belongs into another shard.",
        "Queries by that value do not find the row in the source either. Find it with Test-CitusCluster and the shard's own name on its "
            + "node, insert it again through the coordinator, and run the command again.") { Target = table };

    public static CitusException FailedOver(Guid importId) => new("CitusCoordinatorFailedOver", CitusErrorKind.ConnectionError,
        "The target's coordinator has been replaced by a standby while the table was copied.",
        $"Run the command again with -ImportId {importId}.") { Target = importId };

    public static CitusException MayLackParts(Guid importId, string table, long rows) => new("CitusCoordinatorFailedOver",
        CitusErrorKind.InvalidOperation, $"{table}: the target's coordinator has been replaced by a standby, or restored, since the "
            + $"last part of import {importId} in its ledger, which holds {rows} rows. It may have lost later parts, so that the table "
            + "has more rows of the source than that. Nothing was copied by this run.",
        $"Count the table's rows. If there are {rows}, confirm it with Invoke-CitusQuery \"UPDATE woodgrove.import_batch SET attempt = "
            + $"overlay(attempt PLACING '0000' FROM 1 FOR 4) WHERE import_id = '{importId}'\" and run the command again. Otherwise empty "
            + $"the table, clear the import with Remove-CitusImport {importId}, and copy the table again.") { Target = importId };

    public static CitusException SourceChanged(Guid importId, string table, long rows, string state) => new("CitusCopySourceChanged",
        CitusErrorKind.InvalidOperation, $"{table} can't be resumed: import {importId} has copied {rows} rows of it, in parts that the "
            + $"source no longer has. Its shards were split, its columns changed, it was dropped and recreated, or its nodes could be reached "
            + $"then and can't now, or the other way round ({state}). Nothing was copied by this run.",
        $"Undo that change and run the command again, or empty the table, clear the import with Remove-CitusImport {importId}, and copy "
            + "the table again.") { Target = importId };

    public static CitusException TableChanged(Guid importId, string table) => new("CitusImportTableChanged",
        CitusErrorKind.InvalidOperation, $"{table} is not the table that import {importId} has copied into: it has since been "
            + "dropped and recreated, or altered by alter_distributed_table or undistribute_table. Which of the source's rows it holds is not "
            + "known; nothing was copied by this run.",
        $"If it holds none of them, clear the import with Remove-CitusImport {importId} and copy the table again; otherwise empty it "
            + "first.") { Target = importId };

    public static CitusException Pending(Guid importId, string own) => new("CitusImportPending", CitusErrorKind.ResourceUnavailable,
        $"Import {importId} can't continue: {own}", $"Repair-CitusImport {importId} ends it once that is settled.") { Target = importId };

    /// <summary>A failure in other words.</summary>
    /// <param name="mayPass">Whether the copy is worth a new attempt.</param>
    public static CitusException Interrupted(CitusException cause, string what, string? advice, bool mayPass) =>
        new(cause.ErrorId, cause.Kind, what, advice, cause) { Target = cause.Target, SqlState = cause.SqlState, MayPass = mayPass };

    /// <summary>A warning: -Resume has found nothing to continue, and rows are there.</summary>
    public static string NothingToResume(string table, string source) =>
        $"{table}: the ledger has no copy of {source} into this table, so its rows are copied from the beginning; the table has rows "
            + "already.";

    public static CitusException DeferredByOther(Guid importId, string table, string role) => new("CitusPermissionDenied",
        CitusErrorKind.PermissionDenied, $"{table}: import {importId} is of {role}, whose indexes or foreign keys of the table were dropped "
            + "and are recreated only by that role. Nothing was copied by this run.",
        $"Connect to the target as {role}, and run the command again.") { Target = importId, SqlState = "42501" };

    public static string? Advice(CitusException cause) =>
        cause.SqlState == "53300" ? $"{cause.Advice} A lower -ThrottleLimit needs fewer." : cause.Advice;

    /// <summary>What to do about a row that the target refuses.</summary>
    public static string RefusedAdvice(string? sqlState) => sqlState switch
    {
        "23505" => "The target has a row with that key: empty the table, or say with -OnConflict which row counts.",
        "23503" => "Copy the table that it refers to first; -DeferIndexes makes the foreign keys of empty tables after all rows.",
        _ => "Change the row or the target's definition, or leave such rows out with -Query; then run the command again.",
    };

    /// <summary>What is in the target once a copy has failed.</summary>
    public static string State(string table, int parts, int done, long rows, Guid importId) => done == 0
        ? $"No part of {table} is known to be committed in the target; -ImportId {importId} continues there."
        : $"{done} of {parts} parts of {table} ({rows} rows) are committed in the target; -ImportId {importId} copies the others.";
}
