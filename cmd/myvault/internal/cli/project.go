package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// project is the JSON of a project.
type project struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	IsDefault   bool   `json:"is_default"`
	CreatedAt   string `json:"created_at"`
	CreatedBy   string `json:"created_by"`
}

func projectOf(p myvault.Project) project {
	return project{p.Name, p.Description, p.Default, rfc3339.Format(p.At), p.By}
}

func (a *app) projectCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "project",
		Short: "List, register, describe and delete projects",
		Example: `  myvault project list
  myvault project put rag --description "retrieval and ranking"
  myvault project default rag`,
	}
	c.AddCommand(a.projectList(), a.projectPut(), a.projectDefault(), a.projectDelete())
	return c
}

func (a *app) projectList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List projects", Args: cobra.NoArgs, Example: `  myvault project list`}
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, _ []string) error {
		t := a.table("NAME", "DEFAULT", "CREATED", "BY", "DESCRIPTION")
		for p, err := range v.Projects(ctx) {
			if err != nil {
				return err
			}
			if err := t.row(projectOf(p), p.Name, mark(p.Default), shortTime(p.At), p.By, p.Description); err != nil {
				return err
			}
		}
		return t.end()
	})
	return c
}

func mark(on bool) string {
	if on {
		return "default"
	}
	return "-"
}

func (a *app) projectPut() *cobra.Command {
	var description string
	c := &cobra.Command{
		Use:               "put NAME",
		Short:             "Register a project, or change its description",
		Example:           `  myvault project put rag --description "retrieval and ranking"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeProject,
	}
	c.Flags().StringVar(&description, "description", "", "the description; without it, that of a registered project stays")
	c.RunE = a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		p, err := putProject(ctx, v, myvault.Project{Name: args[0], Description: description}, c.Flag("description").Changed)
		if err != nil {
			return err
		}
		return a.print(projectOf(p), "%s is registered", p.Name)
	})
	return c
}

// putProject registers a project. Unless describe is set, it does not change a registered one.
func putProject(ctx context.Context, v *connect.Vault, p myvault.Project, describe bool) (myvault.Project, error) {
	if describe {
		return v.PutProject(ctx, p)
	}
	registered, err := v.PutProject(ctx, p, myvault.IfAbsent())
	if errors.Is(err, myvault.ErrExists) {
		return v.Project(ctx, p.Name)
	}
	return registered, err
}

func (a *app) projectDefault() *cobra.Command {
	c := &cobra.Command{
		Use:               "default NAME",
		Short:             "Make a project the default one",
		Example:           `  myvault project default rag`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeProject,
	}
	c.RunE = a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		p, err := v.SetDefaultProject(ctx, args[0])
		if err != nil {
			return err
		}
		return a.print(projectOf(p), "%s is the default project", p.Name)
	})
	return c
}

func (a *app) projectDelete() *cobra.Command {
	c := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a project without live secrets",
		Example:           `  myvault project delete rag`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeProject,
	}
	c.RunE = a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		if err := v.DeleteProject(ctx, args[0]); err != nil {
			return err
		}
		return a.print(changed{Project: args[0], Change: "delete-project"}, "project %s is deleted", args[0])
	})
	return c
}
