using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>What a refused row does to a load.</summary>
public enum ImportErrorAction
{
    /// <summary>Ends it.</summary>
    Stop,

    /// <summary>Is set aside, and the rest goes in.</summary>
    Skip,
}

/// <summary>Loads CSV files into a table: each file in one transaction, all of it or nothing.</summary>
[Cmdlet(VerbsData.Import, "CsvToCitus", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
[OutputType(typeof(ImportResult))]
public sealed class ImportCsvToCitusCommand : CsvCommand
{
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
    public Guid? ImportId { get; set; }

    /// <summary>Goes on with the latest import of the same source into the same table that was not completed.</summary>
    [Parameter]
    public SwitchParameter Resume { get; set; }

    /// <summary>Stop, the default, loads nothing when a row is refused; Skip sets the row aside and loads the rest.</summary>
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
        CitusConnection cluster = Cluster;
        string? rejectPath = RejectPath is null ? null : GetUnresolvedProviderPathFromPSPath(RejectPath);
        foreach (CsvSource source in Sources())
        {
            if (!ShouldProcess(Table, $"Load {source}")) continue;
            RunEach(async (output, stop) =>
            {
                var bar = new ImportProgressBar(output, Table);
                var import = new CsvImport(cluster, source, TableName.Parse(Table))
                {
                    Dialect = Dialect,
                    Columns = Column,
                    Route = Route,
                    NodeAddress = NodeAddressArgument.Read(NodeAddress),
                    Checkpoint = Checkpoint is null ? null : Ingest.Checkpoint.Parse(Checkpoint),
                    ImportId = ImportId,
                    Resume = Resume,
                    SkipErrors = OnError == ImportErrorAction.Skip,
                    RejectPath = rejectPath,
                    MaxErrors = MaxErrors is null ? null : ErrorLimit.Parse(MaxErrors),
                    Progress = bar.Report,
                    Explain = output.Verbose,
                    Warn = output.Warning,
                };
                try
                {
                    await output.ObjectAsync(await import.RunAsync(stop));
                }
                finally
                {
                    bar.Complete();
                }
            }, source.Name);
        }
    }
}
