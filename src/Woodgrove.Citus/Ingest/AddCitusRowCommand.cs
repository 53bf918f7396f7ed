using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rows;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>Loads objects from the pipeline as rows, batched without being asked.</summary>
[Cmdlet(VerbsCommon.Add, "CitusRow", SupportsShouldProcess = true)]
[OutputType(typeof(AddRowResult))]
public sealed class AddCitusRowCommand : ConnectedCmdlet
{
    private RowLoader? _rows;
    private BackgroundWork? _sending;
    private string[] _names = [];
    private readonly HashSet<string> _leftOut = new(StringComparer.OrdinalIgnoreCase);
    private bool _declined;
    private long _number;

    [Parameter(Mandatory = true, Position = 0)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>A row: an object's properties, a hashtable, a DataRow; or a DataTable or IDataReader of rows.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNull]
    public PSObject InputObject { get; set; } = new();

    /// <summary>Rows that make a batch full.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int BatchSize { get; set; } = 100_000;

    /// <summary>The longest that a row waits for its batch to fill; after it, it is visible to others.</summary>
    [Parameter]
    public TimeSpan FlushInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest row, in bytes of its values: a longer one is refused.</summary>
    [Parameter]
    [ValidateRange(1024, 1024 * 1024 * 1024 - 1)]
    public int MaxRecordSize { get; set; } = 256 * 1024 * 1024;

    /// <summary>
    /// Skip, the default, writes an error for a refused row and loads the rest; Stop ends the load, and nothing of the
    /// row's batch is loaded.
    /// </summary>
    [Parameter]
    public ImportErrorAction OnError { get; set; } = ImportErrorAction.Skip;

    /// <summary>A row whose key the table has: Error, the default, refuses it; Skip leaves it out; Update overwrites the table's.</summary>
    [Parameter]
    public ConflictAction OnConflict { get; set; }

    /// <summary>With -OnConflict: the columns of the unique key that decides; by default the primary key.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    public string[]? KeyColumn { get; set; }

    /// <summary>Rejects a row with a property that the first row did not have, in place of a warning.</summary>
    [Parameter]
    public SwitchParameter Strict { get; set; }

    protected override void ProcessRecord()
    {
        foreach (object row in RowReader.Rows(InputObject))
        {
            if (_rows is null && !_declined) Open(row);
            if (_declined) return;
            (object?[] values, string? fault) = Read(row);
            while (!(fault is null ? _rows!.TryAdd(values) : _rows!.TryReject(fault)))
            {
                // Two batches wait: the pipeline waits with them.
                if (IsStopping) throw new PipelineStoppedException();
                if (_sending!.HasEnded) break;
                _sending.WriteAvailable(this);
                Thread.Sleep(1);
            }
            _sending!.WriteAvailable(this);
            if (_sending.HasEnded) Finish();
        }
    }

    protected override void EndProcessing()
    {
        if (_rows is not null) Finish();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _sending?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>A row's values, or why they can't be read: that is the fault of this row alone.</summary>
    private (object?[] Values, string? Fault) Read(object row)
    {
        _number++;
        try
        {
            foreach (string name in RowReader.Others(row, _names))
            {
                string what = $"property '{name}', which the first row does not have";
                if (Strict) return ([], $"it has a {what}");
                if (_leftOut.Add(name))
                    WriteWarning($"Row {_number} has a {what}: its values are not loaded, neither in this row nor in later ones. "
                        + $"Give the first row all properties, such as by Select-Object id, {name}.");
            }
            return (RowReader.Values(row, _names), null);
        }
        catch (Exception e) when (e is CitusException or GetValueException)
        {
            return ([], e is CitusException known ? known.What : (e.InnerException ?? e).Message);
        }
    }

    private void Open(object first)
    {
        _declined = !Agree(Table, "Add rows", out bool isTrial);
        if (_declined) return;
        _names = RowReader.Names(first);
        CitusConnection cluster = Cluster;
        var options = new RowOptions(BatchSize, FlushInterval) { StopAtRefused = OnError == ImportErrorAction.Stop, OnConflict = OnConflict,
            KeyColumns = KeyColumn, MaxRowBytes = MaxRecordSize };
        RowLoader? rows = null;
        Run(async (_, stop) => rows = await RowLoader.OpenAsync(cluster, TableName.Parse(Table), _names, options, stop), Table);
        _declined = isTrial;
        if (isTrial) return;
        _rows = rows;
        _sending = Start(async (output, stop) =>
            await output.ObjectAsync(await _rows!.RunAsync(row => output.Async(c => c.WriteError(Refused(row))), output.Warning, stop)));
    }

    private void Finish()
    {
        _rows!.Complete();
        if (WriteToEnd(_sending!) is { } failure) ThrowTerminatingError(CitusErrorRecord.From(failure, Table));
    }

    private ErrorRecord Refused(RefusedRow row)
    {
        return CitusErrorRecord.From(LoadErrors.RowRefused(row, Table), Table);
    }
}
