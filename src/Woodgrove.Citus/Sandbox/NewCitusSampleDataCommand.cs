using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Sandbox;

/// <summary>Writes users.csv and events.csv of a payment app, the same bytes for the same seed.</summary>
[Cmdlet(VerbsCommon.New, "CitusSampleData", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class NewCitusSampleDataCommand : CitusCmdlet
{
    /// <summary>The folder to write to; it is created where it is missing.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int UserCount { get; set; } = 2_000;

    [Parameter]
    [ValidateRange(0, long.MaxValue)]
    public long EventCount { get; set; } = 20_000;

    [Parameter]
    public long Seed { get; set; } = 20240605;

    protected override void ProcessRecord()
    {
        string folder = GetUnresolvedProviderPathFromPSPath(Path);
        if (!ShouldProcess(folder, $"Write {UserCount:N0} users and {EventCount:N0} events")) return;
        Run(async (output, stop) =>
        {
            Directory.CreateDirectory(folder);
            (string users, string events) = (System.IO.Path.Combine(folder, "users.csv"), System.IO.Path.Combine(folder, "events.csv"));
            var data = new SampleData(UserCount, EventCount, (ulong)Seed);
            await data.WriteUsersAsync(users, stop);
            await data.WriteEventsAsync(events, stop);
            stop.ThrowIfCancellationRequested();
            await output.ObjectAsync(new FileInfo(users));
            await output.ObjectAsync(new FileInfo(events));
        }, folder);
    }
}
