using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>Faults of the machine that a node runs on: its clock and its disk.</summary>
public sealed class MachineFaultTests(ClusterFixture cluster, HealthyCluster healthy) : FaultTests(cluster, healthy),
    IClassFixture<HealthyCluster>
{
    [Fact]
    public void A_worker_whose_clock_is_ahead()
    {
        string? library = new[] { "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib" }
            .Select(folder => $"{folder}/faketime/libfaketime.so.1").FirstOrDefault(File.Exists);
        if (library is null) Assert.Skip("needs libfaketime (the package faketime), which moves one server's clock");

        PSObject found = Expect("ClockDifference", "Warning",
            () =>
            {
                Worker.Stop();
                Worker.Start($"LD_PRELOAD={library}", "FAKETIME=+90s", "FAKETIME_DONT_FAKE_MONOTONIC=1");
            },
            Worker.Restart);

        Assert.Contains($"{Worker.Name} is ", (string)found.Get("Actual")!);
        Assert.InRange((double)Evidence(found).Single(n => (string)n.Get("Node")! == Worker.Name).Get("ClockOffset")!, 89, 91);
    }

    /// <summary>The worker's data lies on a small file system of its own meanwhile, in memory, on which a file grows.</summary>
    [Theory]
    [InlineData(0.10, "Warning")]
    [InlineData(0.03, "Failed")]
    public void A_disk_that_a_file_fills(double free, string status)
    {
        using var disk = new SmallDisk(Worker);
        PSObject found = Expect("DiskSpace", status, () => disk.Fill((long)(disk.Size * free)), disk.Empty);

        Assert.Equal(Worker.Name, Assert.Single(Evidence(found)).Get("Node"));
        Assert.Contains($"{free:P0} (", (string)found.Get("Actual")!);
    }
}
