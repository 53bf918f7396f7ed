using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Ingest;
using Woodgrove.Citus.Profiling;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Ranks the columns by which a table, or the table that a file is for, could be distributed.</summary>
[Cmdlet(VerbsCommon.Find, "DistributionColumn", DefaultParameterSetName = "Table")]
[OutputType(typeof(DistributionCandidate))]
public sealed class FindDistributionColumnCommand : CsvCommand
{
    /// <summary>Tables, distributed or not.</summary>
    [Parameter(ParameterSetName = "Table", Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Table { get; set; } = [];

    /// <summary>The shards to predict for; the table's own number by default, else 32.</summary>
    [Parameter]
    [ValidateRange(1, 64000)]
    public int? ShardCount { get; set; }

    protected override void ProcessRecord()
    {
        if (ParameterSetName == "Table")
        {
            CitusConnection cluster = Cluster;
            IReadOnlyList<string> tables = [];
            Run(async (_, stop) => tables = await TablePattern.ExpandAsync(cluster, Table, stop, plain: true) ?? []);
            foreach (string table in tables) Find(table, (finder, stop) => finder.FindAsync(cluster, TableName.Parse(table), stop));
            return;
        }
        foreach (CsvSource source in Sources())
        {
            Find(source.Name, (finder, stop) => finder.FindAsync(new CsvProfiler(source)
            {
                Dialect = Dialect,
                DetectDelimiter = !MyInvocation.BoundParameters.ContainsKey(nameof(Delimiter)),
                Shape = new CsvShape { Fields = Column },
                ShardCount = ShardCount ?? 32,
                EveryColumn = true,
                Progress = finder.Progress,
            }, source.Name, stop));
        }
    }

    private void Find(string name, Func<DistributionFinder, CancellationToken, Task<IReadOnlyList<DistributionCandidate>>> find) =>
        RunEach(async (output, stop) =>
    {
        var bar = new ImportProgressBar(output, name, what: "Reading");
        try
        {
            var finder = new DistributionFinder { ShardCount = ShardCount, Explain = output.Verbose, Progress = bar.Report };
            foreach (DistributionCandidate candidate in await find(finder, stop)) await output.ObjectAsync(candidate);
        }
        finally
        {
            bar.Complete();
        }
    }, name);
}
