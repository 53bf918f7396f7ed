using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>What a refused row does to a load.</summary>
public enum ImportErrorAction
{
    /// <summary>Ends it.</summary>
    Stop,

    /// <summary>Is rejected, and the others are loaded.</summary>
    Skip,
}

/// <summary>Loads CSV files into a table: each file in one transaction, all of it or nothing, or batch by batch.</summary>
[Cmdlet(VerbsData.Import, "CsvToCitus", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
[OutputType(typeof(ImportResult))]
public sealed class ImportCsvToCitusCommand : ShapedCsvCommand
{
    private readonly List<(CsvSource Source, CsvImport Import)> _waiting = [];
    private readonly HashSet<string> _rejectPaths = new(OperatingSystem.IsLinux() ? StringComparer.Ordinal
        : StringComparer.OrdinalIgnoreCase);
    private readonly List<CsvSource> _sources = [];
    private bool _isFilled; // with -Truncate: the table has rows of a file of this command

    [Parameter(Mandatory = true, Position = 1)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>How rows travel; Auto takes the fastest way that the table, the user and the network allow.</summary>
    [Parameter]
    public ImportRoute Route { get; set; }

    /// <summary>Addresses for nodes whose own names can't be reached from here: name (or name:port) to host (or host:port).</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary? NodeAddress { get; set; }

    /// <summary>Commits after so many rows (100000) or so many bytes (64MB), each batch with its row in the ledger.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Checkpoint { get; set; }

    /// <summary>Names the import; one that was begun goes on after its last committed byte.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ImportIdCompleter))]
    public Guid? ImportId { get; set; }

    /// <summary>Goes on with the latest import of the same source into the same table that was not completed.</summary>
    [Parameter]
    public SwitchParameter Resume { get; set; }

    /// <summary>
    /// Empties the table first, in the same transaction as the rows of the first file (with -Checkpoint, as the first
    /// of them).
    /// </summary>
    [Parameter]
    public SwitchParameter Truncate { get; set; }

    /// <summary>A row whose key the table has: Error, the default, refuses it; Skip leaves it out; Update overwrites the table's.</summary>
    [Parameter]
    public ConflictAction OnConflict { get; set; }

    /// <summary>With -OnConflict: the columns of the unique key that decides; by default the primary key.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    public string[]? KeyColumn { get; set; }

    /// <summary>How many files are loaded at once.</summary>
    [Parameter]
    [ValidateRange(1, 64)]
    public int ThrottleLimit { get; set; } = 1;

    /// <summary>Stop, the default, loads nothing when a row is refused; Skip rejects the row and loads the others.</summary>
    [Parameter]
    public ImportErrorAction OnError { get; set; }

    /// <summary>With -OnError Skip: a CSV of the refused rows, as they stand in the source, and name.errors.csv with the reasons.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? RejectPath { get; set; }

    /// <summary>With -OnError Skip: how many rows may be refused, as a number or a percentage such as 0.5%.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? MaxErrors { get; set; }

    protected override void ProcessRecord()
    {
        CsvSource[] sources = [.. Sources()];
        _sources.AddRange(sources);
        foreach (CsvSource source in sources)
        {
            if (RejectPathOf(source) is not { } rejectPath) continue;
            CsvImport import = Argument(() => ImportOf(Cluster.WithNodeAddress(Texts.Read(NodeAddress)), source,
                rejectPath.Length > 0 ? rejectPath : null));
            if (!IsApart(import)) continue;
            if (!Confirm(import, source)) continue;
            if (ThrottleLimit > 1) _waiting.Add((source, import));
            else RunEach((output, stop) => LoadAsync(import, 1, output, stop), source.Name);
        }
    }

    protected override void EndProcessing()
    {
        if (_waiting.Count == 0) return;
        // The file that empties the table goes alone, before the others.
        while (Truncate && !_isFilled && _waiting.Count > 0)
        {
            (CsvSource source, CsvImport first) = _waiting[0];
            RunEach((output, stop) => LoadAsync(first, 1, output, stop), source.Name);
            _waiting.RemoveAt(0);
        }
        int activity = 0;
        Run(async (output, stop) => await Parallel.ForEachAsync(_waiting,
            new ParallelOptions { MaxDegreeOfParallelism = ThrottleLimit, CancellationToken = stop }, async (each, token) =>
        {
            try
            {
                await LoadAsync(each.Import, Interlocked.Increment(ref activity), output, token);
            }
            catch (Exception e) when (!token.IsCancellationRequested)
            {
                await output.Async(c => c.WriteError(CitusErrorRecord.From(e, each.Source.Name)));
            }
        }), Table);
    }

    private async Task LoadAsync(CsvImport import, int activity, CmdletOutput output, CancellationToken stop)
    {
        var bar = new ImportProgressBar(output, Table, activity);
        try
        {
            await output.ObjectAsync(await (import with { Truncate = Truncate && !_isFilled, Filled = () => _isFilled = true,
                Progress = bar.Report, Explain = output.Verbose, Warn = output.Warning }).RunAsync(stop));
        }
        finally
        {
            bar.Complete();
        }
    }

    private CsvImport ImportOf(CitusConnection cluster, CsvSource source, string? rejectPath) =>
        new(cluster, source, TableName.Parse(Table))
    {
        Dialect = Dialect,
        Shape = ShapeOf(source),
        Route = Route,
        Checkpoint = Checkpoint is null ? null : CheckpointInterval.Parse(Checkpoint),
        ImportId = ImportId,
        Resume = Resume,
        SkipErrors = OnError == ImportErrorAction.Skip,
        RejectPath = rejectPath,
        MaxErrors = MaxErrors is null ? null : ErrorLimit.Parse(MaxErrors),
        Truncate = Truncate,
        OnConflict = OnConflict,
        KeyColumns = KeyColumn,
    };

    /// <summary>With -WhatIf, what the load would do; it is looked at as the load would.</summary>
    private bool Confirm(CsvImport import, CsvSource source)
    {
        if (!IsWhatIf) return ShouldProcess(Table, $"Load {source}");
        RunEach(async (output, stop) =>
        {
            ImportPreview preview = await import.PreviewAsync(stop);
            await output.Async(c => c.ShouldProcess(VisibleText.Of(preview.ToString()), null, null));
        }, source.Name);
        return false;
    }

    /// <summary>Refuses to write over a source of this command, or to read what it has written itself.</summary>
    private bool IsApart(CsvImport import)
    {
        try
        {
            import.RefuseOverwriting(_sources);
            foreach (string path in _rejectPaths) (import with { RejectPath = path }).RefuseOverwriting([import.Source]);
            return true;
        }
        catch (CitusException overlap)
        {
            WriteError(CitusErrorRecord.From(overlap, import.Source.Name));
            return false;
        }
    }

    /// <summary>Where a source's refused rows go: the file that was named, or one of its own in the folder that was named.</summary>
    /// <returns>Empty where none is asked for; null where it has been refused.</returns>
    private string? RejectPathOf(CsvSource source)
    {
        if (RejectPath is null) return "";
        string path = GetUnresolvedProviderPathFromPSPath(RejectPath);
        if (Directory.Exists(path)) path = System.IO.Path.Combine(path, FileArgument.RejectName(source));
        if (_rejectPaths.Add(path)) return path;
        WriteError(CitusErrorRecord.From(LoadErrors.RejectPathInUse(source, path), source.Name));
        return null;
    }
}
