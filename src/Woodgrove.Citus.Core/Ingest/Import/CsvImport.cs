using System.Diagnostics;
using Polly;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>One CSV into one table: in one transaction, or, with checkpoints, in batches that are each in the ledger.</summary>
public sealed record CsvImport(CitusConnection Connection, CsvSource Source, TableName Table)
{
    public CsvDialect Dialect { get; init; } = new();

    public CsvShape Shape { get; init; } = new();

    public ImportRoute Route { get; init; }

    /// <summary>Null loads the file as one.</summary>
    public CheckpointInterval? Checkpoint { get; init; }

    /// <summary>Names the import in the ledger; an existing one continues after its last committed byte.</summary>
    public Guid? ImportId { get; init; }

    /// <summary>Rejects refused records and loads the rest.</summary>
    public bool SkipErrors { get; init; }

    /// <summary>Where refused records are written; <c>.errors.csv</c> is beside it.</summary>
    public string? RejectPath { get; init; }

    /// <summary>How many may be refused; null sets no limit.</summary>
    public ErrorLimit? MaxErrors { get; init; }

    /// <summary>Resumes the import of this source into this table that was interrupted; one that is complete is refused.</summary>
    public bool Resume { get; init; }

    /// <summary>Empties the table first, in the transaction of the first batch.</summary>
    public bool Truncate { get; init; }

    /// <summary>What happens to rows whose key is in the table already.</summary>
    public ConflictAction OnConflict { get; init; }

    /// <summary>The key that decides; null takes the primary key, or the only unique one.</summary>
    public IReadOnlyList<string>? KeyColumns { get; init; }

    /// <summary>Told once the table has rows of this source, or may have, so that no other file of the command may empty it.</summary>
    public Action? Filled { get; init; }

    public Action<ImportProgress>? Progress { get; init; }

    /// <summary>Told what is done and why, a sentence at a time.</summary>
    public Action<string>? Explain { get; init; }

    /// <summary>Told what the user should know but did not ask.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>True where the import is in the ledger whatever the route.</summary>
    internal bool NeedsLedger => ImportId is not null || Resume || Checkpoint is not null || OnConflict != ConflictAction.Error;

    /// <exception cref="CitusException">The file, or a row of it, was refused; what was not committed at a checkpoint is rolled
    /// back.</exception>
    public async Task<ImportResult> RunAsync(CancellationToken stop)
    {
        RefuseOverwriting([Source]);
        var clock = Stopwatch.StartNew();
        var attempts = new ImportAttempts(Source, Table);
        var shown = new List<RefusedRow>();
        AttemptState? state = null;
        ResiliencePipeline<AttemptEnd> retries = Retries.While<AttemptEnd>(
            end => end is AttemptEnd.Interrupted { MayRetry: true, GotFurther: false } interrupted ? interrupted.Failure : null, Warn);
        while (true)
        {
            AttemptEnd attempt = await retries.ExecuteAsync(async token =>
            {
                AttemptEnd end = await ImportAttempt.RunAsync(this, state, attempts, shown, token);
                state = end.State;
                return end;
            }, stop);
            switch (attempt)
            {
                case AttemptEnd.Completed done:
                    TimeSpan duration = clock.Elapsed;
                    return done.Result with { Duration = duration,
                        RowsPerSecond = done.Result.Rows / Math.Max(duration.TotalSeconds, 1e-9) };
                case AttemptEnd.Interrupted { MayRetry: true, GotFurther: true } interrupted:
                    // A load of hours may be interrupted many times: attempts are counted from the last batch that was committed.
                    Warn?.Invoke($"{interrupted.Failure.What} Retrying from the last committed batch.");
                    break;
                case AttemptEnd.NeedsValidation:
                    break;
                case AttemptEnd.Interrupted failed:
                    throw failed.Failure;
            }
        }
    }

    /// <summary>Refuses a <see cref="RejectPath"/> that would overwrite a source, this import's or another's.</summary>
    /// <exception cref="CitusException">It, or the file of reasons beside it, is one of them.</exception>
    public void RefuseOverwriting(IEnumerable<CsvSource> sources)
    {
        if (RejectPath is not null) RejectFile.RefuseSources(RejectPath, sources);
    }

    /// <summary>Whether a file holds the refused rows of an earlier run, or their reasons.</summary>
    public static bool WroteRejects(string path) => RejectFile.WasWritten(path);

    /// <summary>What <see cref="RunAsync(CancellationToken)"/> would do.</summary>
    /// <exception cref="CitusException">It would be refused.</exception>
    public async Task<ImportPreview> PreviewAsync(CancellationToken stop)
    {
        RefuseOverwriting([Source]);
        (CitusConnection coordinator, CitusException? noLedger) = await ConnectAsync(needsLedger: false, stop);
        return await ImportPreview.ReadAsync(this, coordinator, noLedger, Source, Table, stop);
    }

    /// <summary>
    /// The coordinator, which keeps the ledger and whose catalogs and locks count; or, where no ledger is needed, any
    /// node if it can't be reached.
    /// </summary>
    internal async Task<(CitusConnection Connection, CitusException? NoLedger)> ConnectAsync(bool needsLedger, CancellationToken stop)
    {
        try
        {
            return (await Connection.AtCoordinatorAsync(stop), null);
        }
        catch (CitusException e) when (!needsLedger && e.Kind == CitusErrorKind.ConnectionError)
        {
            return (Connection, e);
        }
    }
}
