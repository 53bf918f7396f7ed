namespace Woodgrove.Citus.Validation.Checks;

internal sealed class DiskSpace() : CitusCheck(CheckCategory.Capacity,
    "Every node's data disk has room.",
    "A move needs room for the whole shard group on its target, and a node whose disk is full stops accepting writes.")
{
    private static readonly Question<Disk> Disks = new(Ask.EveryNode, """
        SELECT available_disk_size AS free_bytes, total_disk_size AS total_bytes FROM pg_catalog.citus_local_disk_space_stats()
        """);

    public override Threshold Threshold => new(0.15, "share of the disk that must be free; a third of it fails");

    public override IReadOnlyList<Question> Questions => [Disks];

    public override Verdict Decide(Facts facts)
    {
        Disk[] full = [.. facts.Of(Disks).Where(d => d.Free < facts.Limit)];
        return Verdict.Unless(full, full.Any(d => d.Free < facts.Limit / 3) ? CheckStatus.Failed : CheckStatus.Warning,
            $"{facts.Limit:P0} free on each node",
            $"at least {facts.Of(Disks).Select(d => d.Free).DefaultIfEmpty(1).Min():P0} free",
            f => Verdict.List(f.Select(d => $"{d.Free:P0} ({d.FreeBytes} bytes) free on {d.Node}")),
            _ => "Grow the disk; or Add-CitusNode, and Start-ShardRebalance; or drop what Test-CitusCluster -Check OrphanedShards, "
                + "CleanupRecords, UnusedTables finds.");
    }

    public sealed record Disk(string Node, long FreeBytes, long TotalBytes)
    {
        /// <summary>The share that is free.</summary>
        public double Free => TotalBytes == 0 ? 0 : Math.Round((double)FreeBytes / TotalBytes, 3);
    }
}
