using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>The errors of a CSV import, and the one sentence on what is in the table that is added to every failure.</summary>
internal static class ImportErrors
{
    public static string WhatIsInTheTable(AttemptState state) => state switch
    {
        { Phase: ImportPhase.Resuming, ImportId: { } id } => $"The rows that earlier runs of import {id} committed are unchanged.",
        { Phase: ImportPhase.Resuming } => "The rows that earlier runs committed are unchanged.",
        { Phase: ImportPhase.Complete } => $"All rows of the file are in {state.Table}.",
        { Outcome: CommitOutcome.Partial } => "Some nodes may have committed their part of a batch, and others not: "
            + $"-ImportId {state.ImportId} loads what is missing.",
        { Outcome: CommitOutcome.Unknown, ImportId: null } => "Connection lost during COMMIT; the outcome is unknown: "
            + $"all rows of the file are in {state.Table}, or none. With -ImportId or -Checkpoint the ledger records the outcome.",
        { Outcome: CommitOutcome.Unknown } => $"{Committed(state)} are committed, or one batch more; "
            + $"-ImportId {state.ImportId} finds out, and continues after the last committed batch.",
        { Position.Rows: 0 } => $"Nothing of the file is in {state.Table}.",
        { IsStaged: true } => $"Nothing of the file is in {state.Table}; {Committed(state)} are committed to a staging table; "
            + $"-ImportId {state.ImportId} continues after them.",
        _ => $"{Committed(state)} are committed; -ImportId {state.ImportId} continues after them.",
    };

    private static string Committed(AttemptState state) => $"{state.Position.Rows} rows up to byte {state.Position.EndByte}";

    /// <summary>A connection or a server failed.</summary>
    public static CitusException Interrupted(CsvSource source, AttemptState state, Exception cause)
    {
        CitusException known = PostgresErrors.Describe(cause, source.Name);
        return new CitusException(known.ErrorId, known.Kind, $"{source}: the load was interrupted. {state} {known.What}", known.Advice,
            cause)
        { Target = source.Name, SqlState = known.SqlState };
    }

    /// <param name="rows">The rows of all its batches.</param>
    public static CitusException Complete(ImportBatch last, long rows) => new("CitusImportComplete", CitusErrorKind.ResourceExists,
        $"Import {last.ImportId} of {last.Source} is complete: {rows} rows.",
        "Leave -ImportId and -Resume out to load the file again, as another import.") { Target = last.ImportId };

    /// <param name="own">Why rows of the import are still pending.</param>
    public static CitusException Pending(Guid importId, string own) => new("CitusImportPending", CitusErrorKind.ResourceUnavailable,
        $"Import {importId} can't continue: {own}", $"Repair-CitusImport {importId} ends it once that is settled.") { Target = importId };

    public static CitusException OtherTable(ImportBatch last, TargetIdentity now) => new("CitusImportOfOtherTable",
        CitusErrorKind.InvalidArgument, $"Import {last.ImportId} loads into {last.Table.Name}, not into {now.Name}.",
        "Name that table, or another -ImportId.") { Target = last.ImportId };

    public static CitusException TableChanged(ImportBatch last, TargetIdentity now) => new("CitusImportTableChanged",
        CitusErrorKind.InvalidOperation,
        $"{now.Name} is not the table that import {last.ImportId} has loaded {last.Source} into: it has since been recreated, "
            + "or altered by alter_distributed_table or undistribute_table "
            + $"(OID {last.Table.Oid}, {last.Table.Distribution}; now OID {now.Oid}, {now.Distribution}). "
            + "Which of the file's rows it holds is not known; nothing was loaded.",
        $"If it holds none of them, clear the import with Remove-CitusImport {last.ImportId} and load the file again; "
            + "otherwise remove the file's rows first.") { Target = last.ImportId };

    /// <param name="end">How many of the source's bytes were compared.</param>
    /// <param name="rows">How many rows of it are loaded.</param>
    public static CitusException SourceChanged(CsvSource source, Guid importId, long end, long rows) => new("CitusSourceChanged",
        CitusErrorKind.InvalidData, $"{source} is not what import {importId} has loaded {rows} rows of: its first {end} bytes differ.",
        "Restore the file and resume, or load it as a new import after removing those rows.") { Target = source.Name };

    /// <param name="loaded">The last batch of the import that has loaded all that the source was.</param>
    public static CitusException SourceGrown(CsvSource source, ImportBatch loaded) => new("CitusSourceChanged", CitusErrorKind.InvalidData,
        $"{source} has grown since import {loaded.ImportId} loaded it completely: its first {loaded.EndByte} bytes, {loaded.Rows} rows, are "
            + $"in {loaded.Table.Name}. Nothing was loaded.",
        "Load what was added from a file of its own, or leave -Resume out to load all of it again.") { Target = source.Name };

    /// <param name="loaded">The last batch of the interrupted import.</param>
    public static CitusException OtherSource(CsvSource source, ImportBatch loaded) => new("CitusImportOfOtherSource",
        CitusErrorKind.InvalidData,
        $"The interrupted import {loaded.ImportId} of {loaded.Source} has loaded {loaded.Rows} rows into {loaded.Table.Name} that are the "
            + $"first of {source} too. Nothing was loaded.",
        $"If the file was moved, continue with -ImportId {loaded.ImportId}. If it is another that only begins like it, "
            + "leave -Resume out.") { Target = source.Name };

    public static CitusException NoRows(CsvSource source) => new("CitusCsvNoRows", CitusErrorKind.InvalidData,
        $"{source} has a header and no rows.", "Check how the file was written; if its first line holds data, use -NoHeader.")
        { Target = source.Name };

    /// <param name="obstacle">Why the route that was asked for is not possible.</param>
    public static CitusException RouteNotPossible(ImportRoute route, TableInfo table, string obstacle) => new("CitusRouteNotPossible",
        CitusErrorKind.InvalidOperation, $"-Route {route} is not possible: {obstacle}.",
        "Use -Route Auto, which takes the best way that is.") { Target = table.Display, MayPass = true };

    /// <summary>A warning: the table is a plain one.</summary>
    public static string NotDistributed(TableInfo table) =>
        $"{table.Display} is not distributed: its rows stay on the node that the connection leads to. New-DistributedTable distributes it.";

    public static CitusException InvalidCheckpoint(string text) => new("CitusInvalidCheckpoint", CitusErrorKind.InvalidArgument,
        $"'{text}' is neither a number of rows nor a size.", "Use a number of rows such as 100000, or a size such as 64MB.");
}
