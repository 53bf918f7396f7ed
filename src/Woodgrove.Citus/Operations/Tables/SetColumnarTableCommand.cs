using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Sets how a columnar table writes its next stripes.</summary>
[Cmdlet(VerbsCommon.Set, "ColumnarTable", SupportsShouldProcess = true)]
[OutputType(typeof(ColumnarTable), typeof(ClusterChange))]
public sealed class SetColumnarTableCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    [Parameter]
    [ValidateSet("none", "pglz", "lz4", "zstd")]
    public string? Compression { get; set; }

    /// <summary>Of zstd.</summary>
    [Parameter]
    [ValidateRange(1, 19)]
    public int? CompressionLevel { get; set; }

    /// <summary>Most rows of a stripe.</summary>
    [Parameter]
    [ValidateRange(1000, 10_000_000)]
    public int? StripeRowLimit { get; set; }

    /// <summary>Most rows of a chunk group within it.</summary>
    [Parameter]
    [ValidateRange(1000, 100_000)]
    public int? ChunkGroupRowLimit { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change(
            (_, stop) => new ColumnarAlteration(cluster, TableName.Parse(Table))
            {
                Compression = Compression?.ToLowerInvariant(),
                CompressionLevel = CompressionLevel,
                StripeRowLimit = StripeRowLimit,
                ChunkGroupRowLimit = ChunkGroupRowLimit,
            }.PlanAsync(stop),
            async (output, stop) => await output.ObjectAsync((await ColumnarTable.ListAsync(cluster, [Table], stop))[0]), Table);
    }
}
