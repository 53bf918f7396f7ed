using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Operations;

/// <summary>
/// A cmdlet that changes the cluster. It plans the change, asks with what the plan says, runs the plan's SQL, and emits what
/// is so afterwards; with -WhatIf it emits the plan.
/// </summary>
public abstract class ChangeCmdlet : ConnectedCmdlet
{
    /// <summary>How many statements a question shows; the plan of -WhatIf has all.</summary>
    private const int Shown = 5;

    /// <summary>Plans a change, and makes it where the user agrees. A failure is written, and the next input has its turn.</summary>
    /// <param name="plan">Throws where the change would be refused.</param>
    /// <param name="after">Emits what is so afterwards, and where there was nothing to change.</param>
    private protected void Change(Func<CmdletOutput, CancellationToken, Task<ClusterChange>> plan,
        Func<CmdletOutput, CancellationToken, Task> after, object? target)
    {
        CitusConnection cluster = Cluster;
        ClusterChange? change = null;
        RunEach(async (output, stop) => change = await plan(output, stop), target);
        if (change is null) return;
        if (change.IsDone) WriteVerbose(VisibleText.Of($"{change.Action}: nothing is to be done, it is so already."));
        else if (!ShouldProcess(change.Target, Description(change)) && !IsWhatIf) return;
        if (IsWhatIf)
        {
            WriteObject(change);
            return;
        }
        ChangeRunner? running = null;
        Tell(() => RunEach(async (output, stop) =>
        {
            if (!change.IsDone) await MakeAsync(output, stop);
            await after(output, stop);
        }, target), () => running is null ? null : $"{change.Action}: cancelled. {running.StateOf(change)}");

        async Task MakeAsync(CmdletOutput output, CancellationToken stop)
        {
            var bar = new ChangeProgressBar(output);
            running = new ChangeRunner(cluster) { Explain = output.Verbose, Warn = output.Warning, Report = bar.Show };
            await running.RunAsync(change, stop);
            running = null;
            bar.End();
        }
    }

    /// <summary>The action with what moves and what waits: what -WhatIf and -Confirm show.</summary>
    private static string Description(ClusterChange change)
    {
        var parts = new List<string> { change.Action + "." };
        if (change.SizeBytes is { } bytes) parts.Add($"Copies {bytes:N0} bytes{(change.Tables.Count > 0 ? $" of {string.Join(", ", change.Tables)}" : "")}.");
        parts.AddRange(change.Losses);
        parts.AddRange(change.Locks);
        if (change.LockSql is not null) parts.Add($"In a session of its own: {change.LockSql};");
        parts.Add($"SQL: {string.Join(" ", change.Sql.Take(Shown).Select(s => s.TrimEnd(';') + ";"))}"
            + (change.Sql.Count > Shown ? $" And {change.Sql.Count - Shown} more statement(s)." : ""));
        return string.Join(' ', parts);
    }
}
