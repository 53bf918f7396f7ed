using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Plans.Requests;
using Woodgrove.Citus.Queries;

namespace Woodgrove.Citus.Plans;

/// <summary>A cmdlet that asks how queries would run.</summary>
public abstract class PlanCmdlet : ConnectedCmdlet
{
    /// <summary>Values for @name in the SQL; they travel apart from it.</summary>
    [Parameter(Position = 2)]
    public IDictionary? Parameter { get; set; }

    /// <summary>Server parameters for this call alone, such as @{ 'citus.enable_repartition_joins' = 'on' }.</summary>
    [Parameter]
    [Alias("Settings")]
    public IDictionary? Setting { get; set; }

    /// <summary>Runs the query, and counts. What it changes is rolled back.</summary>
    [Parameter]
    public SwitchParameter Analyze { get; set; }

    /// <summary>Seconds that a statement may take; 0, the default, is for ever.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue / 1000)]
    public int Timeout { get; set; }

    private protected PlanRequest Request(string query, bool allTasks, CmdletOutput output) => new(query)
    {
        Parameters = PlainValues.Of(Parameter),
        Settings = PlainValues.Of(Setting),
        Timeout = TimeSpan.FromSeconds(Timeout),
        Analyze = Analyze,
        AllTasks = allTasks,
        Notice = output.Verbose,
    };
}
