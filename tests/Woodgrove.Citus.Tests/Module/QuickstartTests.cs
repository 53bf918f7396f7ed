using System.Diagnostics;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>The guided tour: the first thing that a newcomer runs.</summary>
public sealed class QuickstartTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public async Task It_loads_a_file_of_one_s_own()
    {
        Cluster.RequireSandbox();
        string csv = Cluster.File("orders.csv", "order_id,customer_id,note\n1,5,a\n2,6,b\n");
        using var process = Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList = { Repository.Built("src", "Woodgrove.Citus.Quickstart"), "--csv", csv, "--table", "orders", "--column",
                "customer_id" },
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
    public async Task It_runs_by_its_program()
    {
        Cluster.RequireSandbox();
        await ShownAsync(new ProcessStartInfo("dotnet", [Repository.Built("src", "Woodgrove.Citus.Quickstart"), "--engine", Engine])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        });
    }

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task It_runs_in_pwsh(string shell)
    {
        Cluster.RequireSandbox();
        string script = Path.Combine(Repository.Root, "module", "examples", "Quickstart.ps1");
        await ShownAsync(Pwsh.StartInfo(shell, "-Command",
            $"$PSStyle.OutputRendering = 'PlainText'; Import-Module '{Repository.Manifest}'; & '{script}' -Engine {Engine}"));
    }

    private string Engine => Cluster.Sandbox!.Get("Engine")!.ToString()!;

    private static async Task ShownAsync(ProcessStartInfo start)
    {
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(4)),
            error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output + error);
        Assert.Empty(error);
        Assert.Contains("payment_events", output, StringComparison.Ordinal);
        Assert.Contains("SendFunds", output, StringComparison.Ordinal);
        Assert.Contains("20,000", output, StringComparison.Ordinal);
        Assert.Contains("That was the tour", output, StringComparison.Ordinal);
    }
}
