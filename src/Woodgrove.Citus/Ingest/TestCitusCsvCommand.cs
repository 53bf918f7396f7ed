using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Profiling;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads a CSV once, loads nothing, and says what it holds, what a load would refuse, and where its rows would lie.</summary>
[Cmdlet(VerbsDiagnostic.Test, "CitusCsv", DefaultParameterSetName = "Path")]
[OutputType(typeof(CsvProfile))]
public sealed class TestCitusCsvCommand : ShapedCsvCommand
{
    /// <summary>The table that the file is for; without one, nothing is asked of a cluster.</summary>
    [Parameter(Position = 1)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Table { get; set; }

    /// <summary>The column whose spread over shards is predicted; the table's own by default.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    [ValidateNotNullOrEmpty]
    public string? DistributionColumn { get; set; }

    /// <summary>The shards to predict for where the table has none yet.</summary>
    [Parameter]
    [ValidateRange(1, 64000)]
    public int ShardCount { get; set; } = 32;

    protected override void ProcessRecord()
    {
        CitusConnection? cluster = Table is null ? null : Cluster;
        foreach (CsvSource source in Sources())
        {
            RunEach(async (output, stop) =>
            {
                var bar = new ImportProgressBar(output, source.Name, what: "Reading");
                var profiler = new CsvProfiler(source)
                {
                    Dialect = Dialect,
                    DetectDelimiter = !MyInvocation.BoundParameters.ContainsKey(nameof(Delimiter)),
                    Shape = Argument(() => ShapeOf(source)),
                    Connection = cluster,
                    Table = Table is null ? null : TableName.Parse(Table),
                    DistributionColumn = DistributionColumn,
                    ShardCount = ShardCount,
                    Progress = bar.Report,
                    Warn = output.Warning,
                };
                try
                {
                    await output.ObjectAsync(await profiler.RunAsync(stop));
                }
                finally
                {
                    bar.Complete();
                }
            }, source.Name);
        }
    }
}
