using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Measures how evenly tables lie over shards and nodes, and says why and what would help.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "ShardSkew")]
[OutputType(typeof(ShardSkew))]
public sealed class MeasureShardSkewCommand : ConnectedCmdlet
{
    private readonly List<string> _tables = [];

    /// <summary>Just these; all tables that are distributed by a column by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    public string[] Table { get; set; } = [];

    /// <summary>Bytes, which reads no row, or Rows, which counts all of them on their nodes.</summary>
    [Parameter]
    public SkewMeasure By { get; set; }

    /// <summary>The module's own tables, in schema woodgrove, too.</summary>
    [Parameter]
    public SwitchParameter IncludeModule { get; set; }

    protected override void ProcessRecord() => _tables.AddRange(Table);

    protected override void EndProcessing()
    {
        if (IsPiped && _tables.Count == 0) return;
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            const string Activity = "Measuring skew";
            output.Progress(new ProgressRecord(1, Activity,
                By == SkewMeasure.Rows ? "Counting rows on their nodes" : "Reading sizes and statistics"));
            if (await TablePattern.ExpandAsync(cluster, _tables, stop, t => t.IsHashed) is not { } tables) return;
            var measurement = new SkewMeasurement(cluster)
            {
                Explain = output.Verbose,
                SkipOthers = IsPiped,
                IncludeModule = IncludeModule,
                Refuse = e => output.Async(c => c.WriteError(CitusErrorRecord.From(e, null))).AsTask().GetAwaiter().GetResult(),
            };
            foreach (ShardSkew skew in await measurement.MeasureAsync(tables, By, stop)) await output.ObjectAsync(skew);
            output.Progress(new ProgressRecord(1, Activity, "Done") { RecordType = ProgressRecordType.Completed });
        }, string.Join(", ", _tables));
    }
}
