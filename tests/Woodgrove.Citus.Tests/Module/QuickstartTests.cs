using System.Diagnostics;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>The guided tour: the first thing that a newcomer runs.</summary>
public sealed class QuickstartTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private static string Script => Path.Combine(Repository.Root, "module", "examples", "Quickstart.ps1");

    [Fact]
    public async Task It_runs_in_the_hosted_engine()
    {
        Cluster.RequireSandbox();
        using var process = Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList = { Repository.Built("src", "Woodgrove.Citus.Quickstart"), "--engine", Cluster.Sandbox!.Get("Engine")!.ToString()! },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

        await ShownAsync(process);
    }

    [Fact]
    public async Task It_loads_a_file_of_one_s_own()
    {
        Cluster.RequireSandbox();
        string csv = Cluster.File("orders.csv", "order_id,customer_id,note\n1,5,a\n2,6,b\n");
        using var process = Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList = { Repository.Built("src", "Woodgrove.Citus.Quickstart"), "--csv", csv, "--table", "orders", "--column", "customer_id" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(4));
        await process.WaitForExitAsync();

        Assert.True(process.ExitCode == 0, output + await process.StandardError.ReadToEndAsync());
        Assert.Contains("customer_id", output, StringComparison.Ordinal);
        Assert.Contains("orders", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_runs_unchanged_in_pwsh()
    {
        Cluster.RequireSandbox();
        if (Repository.OnPath("pwsh") is not { } pwsh)
        {
            Assert.Skip("needs pwsh on PATH");
            return;
        }
        using var process = Process.Start(new ProcessStartInfo(pwsh)
        {
            ArgumentList = { "-NoProfile", "-NonInteractive", "-Command", $"$PSStyle.OutputRendering = 'PlainText'; Import-Module '{Repository.Manifest}'; & '{Script}' -Engine {Cluster.Sandbox!.Get("Engine")}" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

        await ShownAsync(process);
    }

    private static async Task ShownAsync(Process process)
    {
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(4)), error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output + error);
        Assert.Empty(error);
        Assert.Contains("payment_events", output, StringComparison.Ordinal);
        Assert.Contains("SendFunds", output, StringComparison.Ordinal);
        Assert.Contains("20,000", output, StringComparison.Ordinal);
        Assert.Contains("That was the tour", output, StringComparison.Ordinal);
    }
}
