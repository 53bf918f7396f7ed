using System.Management.Automation;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;
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
        if (!Agree(folder, $"Write {UserCount:N0} users and {EventCount:N0} events", out bool isTrial)) return;
        Run(async (output, stop) =>
        {
            (string users, string events) = (System.IO.Path.Combine(folder, "users.csv"), System.IO.Path.Combine(folder, "events.csv"));
            if (File.Exists(folder))
                throw SampleDataErrors.FolderIsFile(folder);
            foreach (string file in Directory.Exists(folder) ? new[] { users, events } : [])
                OutputFile.Check(file, overwrite: true, force: false);
            if (isTrial) return;
            Directory.CreateDirectory(folder);
            var data = new SampleData(UserCount, EventCount, (ulong)Seed);
            await data.WriteUsersAsync(users, stop);
            await data.WriteEventsAsync(events, stop);
            stop.ThrowIfCancellationRequested();
            await output.ObjectAsync(new FileInfo(users));
            await output.ObjectAsync(new FileInfo(events));
        }, folder);
    }
}
